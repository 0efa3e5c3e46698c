"""Run one file under every set of kernels, in step, and measure the outputs of each."""

from __future__ import annotations

import contextlib
from math import prod
from typing import TYPE_CHECKING, Any

from litemill.evaluation.kernel_runner import KernelRunner
from litemill.evaluation.measurement import Measurement
from litemill.evaluation.measurement_case import DEFAULT
from litemill.evaluation.sample_budget import budgeted_samples
from litemill.evaluation.sequence import is_stateful
from litemill.runtime.progress import Progress
from litemill.tflite.multiply_adds import multiply_adds

if TYPE_CHECKING:
    import numpy as np

    from litemill.evaluation.kernel_runner import PendingBlock
    from litemill.evaluation.measurement_case import MeasurementCase

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 16  # input or output values that are held and measured at once

# Measured under each set of kernels; those of the default set stand on top, too.
MEASURES: dict[str, Any] = {
    "outputs": {},
    "top1_agreement": None,
    "agreement_samples": None,
    "metric": None,
}
NOT_RUN: dict[str, Any] = {"samples": 0, **MEASURES, "flips": None, "default": None}


def measure_kernels(case: MeasurementCase) -> dict[str, Any]:
    """Run a file; return the measures of the default kernels, and of each set below "kernels".

    Raises:
        InterpreterError: it does not run with the default kernels.
    """
    counts = {name: _sample_count(case, name) for name in case.kernels}
    matrix = _Matrix(case, counts)
    # A set's samples count alike: how much slower one is depends on the file and the machine.
    progress = Progress(f"validate {case.variant}", sum(counts.values()))
    with progress, contextlib.closing(KernelRunner(case, counts, progress)) as runner:
        pending: PendingBlock | None = None
        for samples in case.samples.batches(_block_size(case)):
            ready, pending = pending, runner.submit(samples, after=pending)
            if ready:
                matrix.add(ready, runner.collect(ready))
        if pending:
            matrix.add(pending, runner.collect(pending))
    return matrix.measures(runner.errors)


class _Matrix:
    """A measurement for each set of kernels."""

    def __init__(self, case: MeasurementCase, counts: dict[str, int]) -> None:
        self.measurements = {
            name: _new_measurement(case, count, detailed=name == DEFAULT)
            for name, count in counts.items()
        }
        # The default kernels on the samples of a set that runs fewer, to compare like with like.
        self.default_on_same = {
            name: _new_measurement(case, count)
            for name, count in counts.items()
            if count < len(case.samples)
        }

    def add(self, block: PendingBlock, outputs: dict[str, dict[str, Array]]) -> None:
        """Measure the outputs of each set of kernels for a block of samples."""
        for name, values in outputs.items():
            count = len(next(iter(values.values())))
            default = {output: array[:count] for output, array in outputs[DEFAULT].items()}
            samples = next(block.samples.batches(count))
            self.measurements[name].add(block.start, values, samples, default)
            if name in self.default_on_same:
                self.default_on_same[name].add(block.start, default, samples)

    def measures(self, errors: dict[str, str]) -> dict[str, Any]:
        """Return the default kernels' measures, and beside them those of every set."""
        kernels = {name: self._measures_of(name, errors.get(name)) for name in self.measurements}
        top = {key: kernels[DEFAULT][key] for key in MEASURES}
        return {**top, **self.measurements[DEFAULT].details(), "kernels": kernels}

    def _measures_of(self, name: str, error: str | None) -> dict[str, Any]:
        if error is not None:
            return {"error": error, **NOT_RUN}
        measurement, default = self.measurements[name], self.default_on_same.get(name)
        return {
            "error": None,
            **measurement.measures(),
            "flips": measurement.flips(),
            "default": default.measures() if default else None,
        }


def _new_measurement(case: MeasurementCase, count: int, *, detailed: bool = False) -> Measurement:
    return Measurement(
        case.reference,
        case.samples,
        case.options,
        count=count,
        detailed=detailed,
        sequential=detailed and is_stateful(case.description),
        steps=_output_steps(case),
    )


def _output_steps(case: MeasurementCase) -> dict[str, float | None]:
    """Return the quantization step of each output of the signature; None where it has none."""
    for signature in case.description.signatures:
        if signature.key == case.signature:
            return {name: tensor.scale for name, tensor in signature.outputs.items()}
    return {}


def _sample_count(case: MeasurementCase, kernels: str) -> int:
    if kernels != "reference":
        return len(case.samples)
    return budgeted_samples(
        len(case.samples),
        most=case.options.reference_samples,
        budget=case.options.reference_budget,
        multiply_adds=multiply_adds(case.content),
    )


def _block_size(case: MeasurementCase) -> int:
    """Return how many samples are measured at once: whole batches, of about BLOCK values.

    numpy's cost of a call would otherwise be that of the inference, for small models.
    """
    batch = case.options.batch_size
    inputs = sum(int(prod(array.shape[1:])) for array in case.samples.inputs.values())
    outputs = sum(int(prod(array.shape[1:])) for array in case.reference.values())
    return batch * max(1, BLOCK // max(inputs * batch, outputs * batch, 1))
