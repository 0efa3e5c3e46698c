"""What a sweep computes of a point, and what it keeps of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from litemill.config.schema.variant import Optimization, Variant
from litemill.conversion import grid
from litemill.core.errors import LitemillError
from litemill.sweep import points
from litemill.sweep.executor import Executor
from litemill.sweep.inputs import SweepInputs
from litemill.sweep.store import Store
from litemill.sweep.task import Outcome

INT8 = Variant(optimization=Optimization.int8)
MEASURED = {"error": None, "metric": None, "outputs": {}, "top1_agreement": {}}
CRASHED = "its process was ended by SIGSEGV"


@pytest.fixture
def inputs(tmp_path):
    """Return inputs of which only the digests matter."""
    split = {"samples": 100, "classes": None}
    return SweepInputs(tmp_path, "c", "s", "m", calibration=split, keras=True, quantizers={})


class Engine:
    """Makes a file of each number of samples; what is in `ends` is what measuring it gives."""

    def __init__(self, **ends):
        self.ends, self.tasks = ends, []

    def run(self, tasks):
        """Compute, in order."""
        for task in tasks:
            self.tasks.append(task)
            made = Outcome(task.file)
            if task.content is None:
                content = b"%d" % task.variant.calibration.samples
                file = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
                made = Outcome(file, content=content)
            end = self.ends.get("isolated" if task.isolated else "first", {"measured": MEASURED})
            yield task, replace(made, **end)


def ran(store, inputs, *samples, **ends):
    """Sweep over numbers of calibration samples: what was found, and the tasks that it took."""
    engine = Engine(**ends)
    words = [f"calibration.samples={','.join(map(str, samples))}"]
    found = Executor(inputs, store, engine).over(
        points.Space(INT8, grid.parse_grid(words, "g"), no).points()
    )
    return found, engine.tasks


def no(_):
    """Object to nothing."""


def test_another_way_of_measuring_converts_nothing_again(tmp_path, inputs):
    """The files are kept: what is handed out has their bytes."""
    store = Store(tmp_path)
    ran(store, inputs, 10, 20)
    found, tasks = ran(store, replace(inputs, measuring="other"), 10, 20, 30)
    assert [b"10", b"20", None] == [task.content for task in tasks]
    assert ["done"] * 3 == [one.status for one in found]
    assert [] == ran(store, replace(inputs, measuring="other"), 10, 20, 30)[1]


def test_another_litert_converts_what_has_a_recipe_again(inputs):
    """The quantizer calibrates with it; the converter does not know it."""
    other = replace(inputs, quantizers={"ai-edge-litert": "999.0"})
    plain, recipe = Variant(), Variant(recipe=[{"regex": ".*"}])
    assert inputs.conversion(plain) == other.conversion(plain)
    assert inputs.conversion(recipe) != other.conversion(recipe)


def test_a_file_whose_bytes_are_gone_or_damaged_is_converted_again(tmp_path, inputs):
    """Whoever removes the folder of the bytes loses time, nothing else."""
    store = Store(tmp_path)
    ran(store, inputs, 10, 20)
    gone, damaged = sorted((tmp_path / "content").rglob("*.tflite"))
    gone.unlink()
    damaged.write_bytes(b"x")
    found, tasks = ran(store, replace(inputs, measuring="other"), 10, 20)
    assert [None, None] == [task.content for task in tasks]
    assert [b"10", b"20"] == sorted(path.read_bytes() for path in (gone, damaged))
    assert ["done"] * 2 == [one.status for one in found]


def test_kept_bytes_stay_within_a_limit_and_the_oldest_go(tmp_path):
    """Also those of an earlier sweep; what is larger than the limit is not kept."""
    several = {hashlib.sha256(one).hexdigest(): one for one in (b"aaa", b"bbb", b"ccc")}
    for digest, content in several.items():
        Store(tmp_path, limit=7).keep(digest, content)
    store = Store(tmp_path, limit=7)
    assert [None, b"bbb", b"ccc"] == [store.content(digest) for digest in several]
    store.keep("ff", b"x" * 8)
    assert [None, b"bbb", b"ccc"] == [store.content(digest) for digest in several]


def test_a_file_that_takes_its_process_down_is_measured_in_a_process_of_its_own(tmp_path, inputs):
    """Once, from the bytes that were made; what comes of it is kept as any measurement is."""
    store, crash = Store(tmp_path), {"error": CRASHED, "crashed": True}
    dead = {**MEASURED, "error": "the process that ran it was ended by SIGSEGV"}
    (one,), tasks = ran(store, inputs, 10, first=crash, isolated={"measured": dead})
    assert [(False, None), (True, b"10")] == [(task.isolated, task.content) for task in tasks]
    assert ("failed", dead, 2, True) == (one.status, one.measured, one.file["bytes"], one.lasting)
    assert [] == ran(store, inputs, 10)[1]


def test_what_crashes_even_so_is_a_row_and_tried_again_by_the_next_sweep(tmp_path, inputs):
    """From the file that was made."""
    store, crash = Store(tmp_path), {"error": CRASHED, "crashed": True}
    (one,), tasks = ran(store, inputs, 10, first=crash, isolated=crash)
    assert (2, CRASHED, False) == (len(tasks), one.error, one.lasting)
    assert [b"10"] == [task.content for task in ran(store, inputs, 10)[1]]


def test_a_file_without_a_measurement_is_kept_and_its_point_tried_again(tmp_path, inputs):
    """Too little time, say: that is no crash, and is not tried twice by one sweep."""
    store = Store(tmp_path)
    (one,), tasks = ran(store, inputs, 10, first={"error": "no answer within 1 s; ended"})
    assert (1, "failed", False) == (len(tasks), one.status, one.lasting)
    assert [b"10"] == [task.content for task in ran(store, inputs, 10)[1]]


def test_a_full_disk_ends_the_sweep(tmp_path, inputs):
    """No other point could be computed either."""
    with pytest.raises(LitemillError, match="No space left on device; finished points are kept"):
        ran(Store(tmp_path), inputs, 10, first={"error": "No space left on device", "full": True})
