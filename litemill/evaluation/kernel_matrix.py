"""One file under every set of kernels, in step: what each answers, measured."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from litemill.evaluation.kernel_runner import DEFAULT, KernelRunner
from litemill.evaluation.measurement import Measurement
from litemill.evaluation.sequence import is_stateful

if TYPE_CHECKING:
    import numpy as np

    from litemill.config.schema.validate import Validate
    from litemill.data.samples import Samples
    from litemill.evaluation.kernel_runner import Answers
    from litemill.tflite.description import Description

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 16  # input or output values that are held and measured at once

# What is measured under each set of kernels; those of the default set stand on top, too.
MEASURES: dict[str, Any] = {
    "outputs": {},
    "top1_agreement": None,
    "agreement_samples": None,
    "metric": None,
}
NOT_RUN: dict[str, Any] = {"samples": 0, **MEASURES, "flips": None, "default": None}


@dataclass(frozen=True)
class MeasurementCase:
    """A file, and what it is measured against.

    Attributes:
        content: the file.
        described: what it is.
        variant: its name, for errors.
        key: the signature to run.
        reference: what the source model answers, [samples, ...] by output.
        samples: as the signature takes them.
        options: how to measure.
        kernels: the sets to run; the default one is among them.
    """

    content: bytes
    described: Description
    variant: str
    key: str
    reference: dict[str, Array]
    samples: Samples
    options: Validate
    kernels: tuple[str, ...]


def measure_kernels(case: MeasurementCase) -> dict[str, Any]:
    """Run a file and give the measures of the default kernels, and of each set below "kernels".

    Raises:
        InterpreterError: it does not run with the default kernels.
    """
    counts = {name: _count(case, name) for name in case.kernels}
    matrix = _Matrix(case, counts)
    with contextlib.closing(KernelRunner(case, counts)) as answering:
        asked: Answers | None = None
        for block in case.samples.batches(_rows(case)):
            answered, asked = asked, answering.ask(block, after=asked)
            if answered:
                matrix.add(answered, answering.answers(answered))
        if asked:
            matrix.add(asked, answering.answers(asked))
    return matrix.told(answering.errors)


class _Matrix:
    """A measurement for each set of kernels."""

    def __init__(self, case: MeasurementCase, counts: dict[str, int]) -> None:
        self.measurements = {
            name: _measurement(case, count, detailed=name == DEFAULT)
            for name, count in counts.items()
        }
        # The default kernels on the samples of a set that answers fewer, to compare like with like.
        self.beside = {
            name: _measurement(case, count)
            for name, count in counts.items()
            if count < len(case.samples)
        }

    def add(self, asked: Answers, found: dict[str, dict[str, Array]]) -> None:
        """Measure the answers to a block of samples."""
        for name, answers in found.items():
            count = len(next(iter(answers.values())))
            others = {key: values[:count] for key, values in found[DEFAULT].items()}
            some = next(asked.block.batches(count))
            self.measurements[name].add(asked.start, answers, some, others)
            if name in self.beside:
                self.beside[name].add(asked.start, others, some)

    def told(self, errors: dict[str, str]) -> dict[str, Any]:
        """Give the default kernels' measures, and beside them those of every set."""
        kernels = {}
        for name, one in self.measurements.items():
            if name in errors:
                kernels[name] = {"error": errors[name], **NOT_RUN}
            else:
                beside = self.beside[name].told() if name in self.beside else None
                told = {**one.told(), "flips": one.flips(), "default": beside}
                kernels[name] = {"error": None, **told}
        kept = {key: kernels[DEFAULT][key] for key in MEASURES}
        return {**kept, **self.measurements[DEFAULT].detail(), "kernels": kernels}


def _measurement(case: MeasurementCase, count: int, *, detailed: bool = False) -> Measurement:
    return Measurement(
        case.reference,
        case.samples,
        case.options,
        count=count,
        detailed=detailed,
        sequential=detailed and is_stateful(case.described),
    )


def _count(case: MeasurementCase, kernels: str) -> int:
    most = case.options.reference_samples
    count = len(case.samples)
    return min(count, most) if kernels == "reference" and most is not None else count


def _rows(case: MeasurementCase) -> int:
    """Give how many samples are measured at once: whole batches, of about BLOCK values.

    numpy's cost of a call would otherwise be that of the inference, for small models.
    """
    batch = case.options.batch_size
    given = sum(int(prod(one.shape[1:])) for one in case.samples.inputs.values())
    answered = sum(int(prod(one.shape[1:])) for one in case.reference.values())
    return batch * max(1, BLOCK // max(given * batch, answered * batch, 1))
