from __future__ import annotations

import numpy as np
import pytest
import zoo

from litemill.config.schema.validate import Validate
from litemill.data.samples import Samples
from litemill.evaluation import kernel_matrix
from litemill.evaluation.sequence import SequenceErrors, is_stateful
from litemill.evaluation.validate import measure_variant
from litemill.tflite.flatbuffer import describe

STEPS = zoo.batch_of((4,), 40, seed=3)
SIGNATURE = {
    "key": zoo.KEY,
    "inputs": {"x": {"dtype": "float32", "shape": [1, 4]}},
    "outputs": {"y": {}},
}


def measure(expected):
    """Measure the file that keeps a state, in batches that do not divide the sequence."""
    return measure_variant(
        zoo.file("stateful"),
        variant="stateful",
        reference={"y": expected},
        samples=Samples({"x": STEPS}, {}, None, "none"),
        signature=SIGNATURE,
        options=Validate(batch_size=7),
    )


def test_stateful_tells_files_that_keep_a_state():
    """By what they do to variables."""
    assert is_stateful(describe(zoo.file("stateful")))
    assert not is_stateful(describe(zoo.file("float32")))


@pytest.mark.parametrize("values", [1, kernel_matrix.BLOCK])
def test_validate_runs_a_stateful_file_along_one_sequence(values, monkeypatch):
    """Under every set of kernels from its initial state, as the source model; in blocks, too."""
    monkeypatch.setattr(kernel_matrix, "BLOCK", values)
    found = measure(zoo.remembered(STEPS))

    assert (40, 10) == (found["sequence"]["steps"], len(found["sequence"]["parts"]))
    for one in found["kernels"].values():
        assert one["outputs"]["y"]["max_abs_error"] < 1e-6


def test_a_state_that_is_lost_shows_along_the_sequence():
    """Answers of a source that forgets are right for the first step alone."""
    forgetful = np.concatenate([zoo.remembered(step[None]) for step in STEPS])
    parts = measure(forgetful)["sequence"]["parts"]

    assert parts[0]["outputs"]["y"]["max_abs_error"] > 0.01
    assert measure(forgetful)["outputs"]["y"]["snr_db"] < 30


@pytest.mark.parametrize("steps", [1, 3, 10, 25])
def test_parts_hold_every_step_once(steps):
    """However the sequence is cut into blocks; a short one has as many parts as steps."""
    reference = np.arange(steps, dtype=np.float64)[:, None]
    found = SequenceErrors(steps, ["y"])
    for start in range(0, steps, 4):
        found.add(start, "y", reference[start : start + 4], 2 * reference[start : start + 4])
    message = found.measures()

    assert min(10, steps) == len(message["parts"])
    assert [part["end"] - 1 for part in message["parts"]] == [
        part["outputs"]["y"]["max_abs_error"] for part in message["parts"]
    ]
