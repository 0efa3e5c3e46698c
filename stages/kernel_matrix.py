"""One file under every set of kernels, in step: inputs are read and quantized once for all."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.errors import InterpreterError
from stages.litert import Kernels, Model
from stages.measurement import Measurement
from stages.sequence import stateful
from stages.settled import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stages.description import Description
    from stages.samples import Samples
    from stages.schema.validate import Validate

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 16  # input or output values that are held and measured at once
DEFAULT = "default"
BASE = "no_delegate"  # the kernels whose rounding is that of every processor

# What is measured under each set of kernels; those of the default set stand on top, too.
MEASURES: dict[str, Any] = {
    "outputs": {},
    "top1_agreement": None,
    "agreement_samples": None,
    "metric": None,
}
NOT_RUN: dict[str, Any] = {"samples": 0, **MEASURES, "flips": None, "default": None}


@dataclass(frozen=True)
class Case:
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


def measured(case: Case) -> dict[str, Any]:
    """Run a file and give the measures of the default kernels, and of each set below "kernels".

    Raises:
        InterpreterError: it does not run with the default kernels.
    """
    matrix = _Matrix(case)
    start = 0
    for block in case.samples.batches(_rows(case)):
        matrix.add(start, block)
        start += len(block)
    return matrix.told()


class _Matrix:
    """One loaded model and one measurement for each set of kernels that still runs."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.models: dict[str, Model] = {}
        self.measurements: dict[str, Measurement] = {}
        self.errors: dict[str, str] = {}
        # The default kernels on the samples of a set that answers fewer, to compare like with like.
        self.beside: dict[str, Measurement] = {}
        for name in case.kernels:
            count = _count(case, name)
            self.measurements[name] = self._measurement(count, detailed=name == DEFAULT)
            if count < len(case.samples):
                self.beside[name] = self._measurement(count)
            with self._noting(name):
                self.models[name] = Model(
                    case.content,
                    description=case.described,
                    signature=case.key,
                    kernels=Kernels[name],
                    threads=case.options.threads,
                    place=case.variant,
                )
        model = self.models[DEFAULT]
        self.inputs = _matched(list(case.samples.inputs), model.inputs, model, "input")
        self.outputs = _matched(list(case.reference), model.outputs, model, "output")

    def _measurement(self, count: int, *, detailed: bool = False) -> Measurement:
        case = self.case
        return Measurement(
            case.reference,
            case.samples,
            case.options,
            count=count,
            place=case.variant,
            detailed=detailed,
            sequential=detailed and stateful(case.described),
        )

    def add(self, start: int, block: Samples) -> None:
        """Answer a block of samples under each set of kernels."""
        first = self.models[DEFAULT]
        stored = first.stored({self.inputs[name]: a for name, a in block.inputs.items()})
        found: dict[str, dict[str, Array]] = {}
        for name, model in list(self.models.items()):
            count = min(self.measurements[name].count - start, len(block))
            if count > 0:
                with self._noting(name):
                    cut = {key: values[:count] for key, values in stored.items()}
                    found[name] = self._answers(model, cut)
        self._settle(start, found)
        for name, answers in found.items():
            count = len(next(iter(answers.values())))
            with self._noting(name):
                others = {key: values[:count] for key, values in found[DEFAULT].items()}
                some = next(block.batches(count))
                self.measurements[name].add(start, answers, some, others)
                if name in self.beside:
                    self.beside[name].add(start, others, some)

    def _settle(self, start: int, found: dict[str, dict[str, Array]]) -> None:
        """Let all sets agree where they differ by rounding alone."""
        for name, answers in found.items():
            for output, base in found.get(BASE, {}).items() if name != BASE else ():
                count = len(answers[output])
                reference = self.case.reference[output][start : start + count]
                answers[output] = settled(answers[output], base[:count], reference)

    def told(self) -> dict[str, Any]:
        """Give the default kernels' measures, and beside them those of every set."""
        kernels = {}
        for name, one in self.measurements.items():
            if name in self.errors:
                kernels[name] = {"error": self.errors[name], **NOT_RUN}
            else:
                beside = self.beside[name].told() if name in self.beside else None
                told = {**one.told(), "flips": one.flips(), "default": beside}
                kernels[name] = {"error": None, **told}
        kept = {key: kernels[DEFAULT][key] for key in MEASURES}
        return {**kept, **self.measurements[DEFAULT].detail(), "kernels": kernels}

    def _answers(self, model: Model, stored: dict[str, Array]) -> dict[str, Array]:
        size, count = self.case.options.batch_size, len(next(iter(stored.values())))
        parts = [
            model.run_stored({name: a[start : start + size] for name, a in stored.items()})
            for start in range(0, count, size)
        ]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}
        real = model.real(whole)
        return {name: real[theirs] for name, theirs in self.outputs.items()}

    @contextlib.contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Note why other kernels than the default ones fail, and go on without them."""
        try:
            yield
        except InterpreterError as error:
            if name == DEFAULT:
                raise
            self.errors[name] = str(error)
            self.models.pop(name, None)


def _count(case: Case, kernels: str) -> int:
    most = case.options.reference_samples
    count = len(case.samples)
    return min(count, most) if kernels == "reference" and most is not None else count


def _rows(case: Case) -> int:
    """Give how many samples are measured at once: whole batches, of about BLOCK values.

    numpy's cost of a call would otherwise be that of the inference, for small models.
    """
    batch = case.options.batch_size
    given = sum(int(prod(one.shape[1:])) for one in case.samples.inputs.values())
    answered = sum(int(prod(one.shape[1:])) for one in case.reference.values())
    return batch * max(1, BLOCK // max(given * batch, answered * batch, 1))


def _matched(names: list[str], tensors: dict[str, Any], model: Model, kind: str) -> dict[str, str]:
    """Give the file's name for each of ours.

    The same names, or, in a file without a signature, whose tensors have names of their own, the
    order of the sorted names: that is how the converter lays them out.
    """
    if set(names) == set(tensors):
        return {name: name for name in names}
    if model.signature is None and len(names) == len(tensors):
        return dict(zip(sorted(names), tensors, strict=True))
    found = f"{kind}s {', '.join(map(repr, sorted(tensors)))}"
    raise InterpreterError(model.place, found, f"expected {', '.join(map(repr, sorted(names)))}")
