"""What validate measures in a target's own interpreter, and what the checks make of it."""

from __future__ import annotations

from dataclasses import replace

import micro
import numpy as np
import pytest
import zoo

from litemill.config.schema.target import Tflm
from litemill.config.schema.validate import Metric, Validate
from litemill.data.samples import Samples
from litemill.evaluation.checks import run_checks
from litemill.evaluation.target_measurement import MeasuredTarget
from litemill.evaluation.validate import measure_variant
from litemill.tflite.interpreter import Model

COUNT = 40
IMAGES = zoo.batch_of(zoo.IMAGE, COUNT, seed=7)
LABELS = np.random.default_rng(8).integers(0, 10, COUNT)
SAMPLES = Samples({"image": IMAGES}, {"target": LABELS}, tuple("0123456789"), "classification")
OPTIONS = Validate(batch_size=16, task="classification", metric=Metric(), layer_samples=0)
TFLM = MeasuredTarget("tflm", Tflm("tflm"))


def measure(content, target=TFLM):
    """Measure a file for a target, as the stage does."""
    return measure_variant(
        content,
        variant="mine",
        reference=zoo.answers(zoo.cnn(), {"image": IMAGES}),
        samples=SAMPLES,
        signature=zoo.SIGNATURE,
        options=OPTIONS,
        isolated=True,
        target=target,
    )


@pytest.fixture(scope="module")
def int8():
    """The measurement of an int8 file."""
    return measure(zoo.file("int8"))


def test_metric_fidelity_and_flips_are_those_of_the_interpreter(int8):
    """Computed here from answers of tflite-micro."""
    content = zoo.file("int8")
    model = Model(content)
    stored = micro.answers(content, model.stored({"image": IMAGES})["image"])
    digits = model.real({"digit": stored})["digit"]
    reference = zoo.answers(zoo.cnn(), {"image": IMAGES})["digit"]
    usual = Model(content).run({"image": IMAGES})["digit"]

    run = int8["kernels"]["tflm"]

    assert (None, COUNT) == (run["error"], run["samples"])
    error = np.abs(digits.astype(np.float64) - reference).max()
    assert error == pytest.approx(run["outputs"]["digit"]["max_abs_error"], rel=1e-5)
    assert (digits.argmax(-1) == LABELS).mean() == pytest.approx(run["metric"]["variant"])
    assert int((digits.argmax(-1) != usual.argmax(-1)).sum()) == run["flips"]["digit"]


def test_record_names_operators_arena_and_what_would_save_memory(int8):
    """A file for any batch has three operators more."""
    target = int8["target"]
    assert ("tflm", "tflm") == (target["name"], target["kernels"])
    assert {"SHAPE", "STRIDED_SLICE", "PACK"} < set(target["operators"])
    assert target["arena"]["smallest"] >= target["arena"]["total"] > 0
    [advice] = target["advice"]
    assert advice.startswith("`batch: 1` saves")


def test_as_many_samples_as_declared_are_answered():
    """The default kernels on the same ones stand beside them."""
    run = measure(zoo.file("int8"), replace(TFLM, options=Tflm("tflm", samples=7)))["kernels"]
    assert (7, 7, COUNT) == (
        run["tflm"]["samples"],
        run["tflm"]["default"]["samples"],
        run["default"]["samples"],
    )


def test_a_file_that_the_interpreter_refuses_fails_where_litert_runs_it():
    """The other kernels are measured all the same."""
    measured = measure(zoo.file("dynamic_range"))
    outcomes = run_checks(measured, {"snr_db": 1, "arena_bytes": 1_000_000})

    assert measured["error"] is None
    assert measured["kernels"]["no_delegate"]["error"] is None
    assert ("tflm", False) == (outcomes["runs"].kernels, outcomes["runs"].passed)
    assert not outcomes["arena_bytes"].passed


def test_an_interpreter_that_takes_too_long_fails_the_variant():
    """The process is ended."""
    measured = measure(zoo.file("int8"), replace(TFLM, options=Tflm("tflm", timeout_seconds=0)))
    assert "no answer within 0 s" in measured["kernels"]["tflm"]["error"]
    assert not run_checks(measured, {})["runs"].passed


def test_limits_of_the_target_are_judged(int8):
    """A failed one says what would help; where there is no interpreter, they are absent."""
    arena = int8["target"]["arena"]["smallest"]
    limits = {"arena_bytes": arena, "flash_bytes": int8["bytes"], "target_disagreement": 1}
    assert all(outcome.passed for outcome in run_checks(int8, limits).values())

    tight = run_checks(int8, {"arena_bytes": arena - 1, "flash_bytes": 1})
    assert [False, False] == [tight[name].passed for name in ("arena_bytes", "flash_bytes")]
    assert "`batch: 1`" in tight["arena_bytes"].message
    assert -1 == tight["arena_bytes"].margin

    cpu = run_checks(measure(zoo.file("int8"), None), limits)
    assert all(cpu[name].absent for name in limits)


def test_a_disagreement_with_litert_is_judged(int8):
    """By the answers of the target alone."""
    run = {**int8["kernels"]["tflm"], "flips": {"digit": 4}}
    other = {**int8["kernels"]["reference"], "flips": {"digit": 30}}
    measured = {**int8, "kernels": {**int8["kernels"], "tflm": run, "reference": other}}
    outcome = run_checks(measured, {"target_disagreement": 0.05})["target_disagreement"]
    assert (False, 0.1) == (outcome.passed, outcome.found)
