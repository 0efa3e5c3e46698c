from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
import zoo

from litemill.config.schema.validate import KERNELS, Validate
from litemill.core.errors import InterpreterError
from litemill.data.samples import Samples
from litemill.evaluation.kernel_runner import KernelRunner
from litemill.evaluation.measurement_case import MeasurementCase
from litemill.runtime.progress import Progress
from litemill.tflite.flatbuffer import describe
from litemill.tflite.interpreter import Kernels, Model

COUNT = 40
SAMPLES = Samples({"image": zoo.batch_of(zoo.IMAGE, COUNT)}, {}, None, "none")
REFERENCE = {"digit": zoo.answers(zoo.cnn(), SAMPLES.inputs)["digit"]}


def case(name, *, samples=SAMPLES, reference=REFERENCE, kernels=KERNELS):
    """Return a file of the zoo with samples."""
    content = zoo.file(name)
    options = Validate(batch_size=4)
    described = describe(content)
    return MeasurementCase(
        content, described, name, zoo.KEY, reference, samples, options, tuple(kernels)
    )


@contextlib.contextmanager
def submitted(a_case, size=10, **counts):
    """Open a runner, and blocks each of which is submitted before the last one is collected."""
    count = len(a_case.samples)
    kernels = {name: counts.get(name, count) for name in a_case.kernels}
    progress = Progress("test", count)
    with progress, contextlib.closing(KernelRunner(a_case, kernels, progress)) as runner:
        yield runner, _ahead(runner, a_case.samples.batches(size))


def _ahead(runner, blocks):
    before = None
    for block in blocks:
        following = runner.submit(block, after=before)
        if before:
            yield before
        before = following
    yield before


def collected(a_case, **counts):
    """Run all blocks; return the outputs of each set of kernels by its name, and its errors."""
    outputs = {}
    with submitted(a_case, **counts) as (runner, blocks):
        for block in blocks:
            for name, values in runner.collect(block).items():
                outputs.setdefault(name, []).append(*values.values())
        return {name: np.concatenate(parts) for name, parts in outputs.items()}, runner.errors


@pytest.mark.parametrize("name", ["float32", "int8", "fixed_batch"])
def test_answers_are_those_of_the_interpreter(name):
    """Block after block, though each is asked before the last one is read."""
    found, errors = collected(case(name))

    assert {} == errors
    for kernels in KERNELS:
        model = Model(zoo.file(name), kernels=Kernels[kernels])
        expected = model.run(SAMPLES.inputs)["digit"]
        np.testing.assert_allclose(found[kernels], expected, rtol=1e-5, atol=1e-6)


def test_rounding_is_that_of_the_kernels_without_delegate():
    """The file's own answers under XNNPACK differ in their last bits."""
    found, _ = collected(case("float32"))
    model = Model(zoo.file("float32"))

    assert not np.array_equal(found["no_delegate"], model.run(SAMPLES.inputs)["digit"])
    for kernels in KERNELS:
        assert found["no_delegate"].tobytes() == found[kernels].tobytes()


def test_answers_stay_as_they_are_where_the_other_kernels_were_not_asked_for():
    """As docs/reproducibility.md says."""
    found, _ = collected(case("float32", kernels=["default"]))
    model = Model(zoo.file("float32"))
    batches = [model.run(batch.inputs)["digit"] for batch in SAMPLES.batches(4)]

    assert np.concatenate(batches).shape == found["default"].shape
    blocks = [
        np.concatenate([model.run(batch.inputs)["digit"] for batch in block.batches(4)])
        for block in SAMPLES.batches(10)
    ]
    assert np.concatenate(blocks).tobytes() == found["default"].tobytes()


def test_a_set_that_answers_fewer_ends_within_a_block():
    """The first of the samples, no more."""
    found, _ = collected(case("int8"), reference=13)
    whole, _ = collected(case("int8"))

    assert 13 == len(found["reference"])
    np.testing.assert_array_equal(whole["reference"][:13], found["reference"])
    np.testing.assert_array_equal(whole["default"], found["default"])


def test_a_set_that_fails_is_left_out_from_then_on():
    """With its first message; the others go on, and it is not run again."""
    with submitted(case("int8")) as (runner, blocks):
        failing = runner._models["no_delegate"] = _Failing(runner._models["no_delegate"])
        found = [set(runner.collect(block)) for block in blocks]

    assert [set(KERNELS), *[{"default", "reference"}] * 3] == found
    assert {"no_delegate": "no_delegate: failed at call 4"} == runner.errors
    assert 4 == failing.calls


class _Failing:
    """A model that fails after its first block: no file does so with one set of kernels alone."""

    def __init__(self, model):
        self.model, self.outputs, self.calls = model, model.outputs, 0
        self.real = model.real

    def run_stored(self, inputs):
        self.calls += 1
        if self.calls > 3:
            raise InterpreterError("no_delegate", f"failed at call {self.calls}")
        return self.model.run_stored(inputs)


def test_default_kernels_that_fail_fail_the_file():
    """On any block; no thread is left."""
    rows = np.zeros((12, 1), np.int32)
    rows[9] = 7  # there is no such row in the table
    samples = Samples({"x": rows}, {}, None, "none")
    lookup = case("lookup", samples=samples, reference={"y": np.zeros((12, 1, 2), np.float32)})
    before = threading.active_count()

    with pytest.raises(InterpreterError, match="index out of bounds"):
        collected(lookup)

    assert before == threading.active_count()


def test_answers_of_another_shape_are_refused():
    """Before they are measured: broadcasting would measure something else."""
    wrong = {"digit": np.zeros((COUNT, 3), np.float32)}

    with (
        pytest.raises(InterpreterError, match=r"shape \[10\]; expected \[3\]"),
        submitted(case("float32", reference=wrong)) as (runner, blocks),
    ):
        runner.collect(next(blocks))
