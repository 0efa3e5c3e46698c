"""What a file answers under several sets of kernels, block by block of samples.

Each set has a thread of its own, which answers the next block while this one is measured: LiteRT
lets other threads of Python run while it runs. What is answered does not depend on it.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.evaluation.rounding_filter import ignore_rounding, typical_magnitude
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from litemill.data.samples import Samples
    from litemill.evaluation.kernel_matrix import MeasurementCase

    Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT = "default"
BASE = "no_delegate"  # the kernels whose rounding is that of every processor


@dataclass(frozen=True)
class Answers:
    """A block of samples, and each set's answers to it when they are there.

    Attributes:
        start: which sample is its first.
        block: the samples.
        answers: by set of kernels; of the first samples alone where a set answers fewer.
    """

    start: int
    block: Samples
    answers: dict[str, Future[dict[str, Array]]]


class KernelRunner:
    """A loaded model for each set of kernels.

    Attributes:
        errors: why a set other than the default one does not run, by its name.
    """

    def __init__(self, case: MeasurementCase, counts: dict[str, int]) -> None:
        """Load the file for each set of kernels, which answers as many samples as `counts` says.

        Raises:
            InterpreterError: it does not load with the default kernels.
        """
        self.errors: dict[str, str] = {}
        self._case, self._counts = case, counts
        self._models: dict[str, Model] = {}
        self._broken: dict[str, InterpreterError] = {}
        for name in counts:
            with self._noting(name):
                self._models[name] = _loaded(case, Kernels[name])
        model = self._models[DEFAULT]
        self._inputs = _matched(list(case.samples.inputs), model.inputs, model, "input")
        self._outputs = _matched(list(case.reference), model.outputs, model, "output")
        self._usual = {name: typical_magnitude(values) for name, values in case.reference.items()}
        # One thread each: a set answers block after block, as stateful models need it.
        self._threads = {name: ThreadPoolExecutor(1) for name in self._models}

    def close(self) -> None:
        """Wait for what was asked, and end the threads."""
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)

    def ask(self, block: Samples, *, after: Answers | None) -> Answers:
        """Have each set of kernels answer a block of samples, which comes next."""
        start = after.start + len(after.block) if after else 0
        given = {self._inputs[name]: values for name, values in block.inputs.items()}
        stored = self._models[DEFAULT].stored(given)
        answers = {}
        for name in self._models.keys() - self.errors.keys():
            count = min(self._counts[name] - start, len(block))
            if count > 0:
                cut = {key: values[:count] for key, values in stored.items()}
                answers[name] = self._threads[name].submit(self._run, name, cut)
        return Answers(start, block, answers)

    def answers(self, asked: Answers) -> dict[str, dict[str, Array]]:
        """Give each set's answers by output, [samples, ...]; sets that fail are left out.

        Raises:
            InterpreterError: the default kernels fail.
        """
        found: dict[str, dict[str, Array]] = {}
        while asked.answers:  # taken out, so that they are gone when they have been measured
            name, future = asked.answers.popitem()
            with self._noting(name):
                found[name] = future.result()
        for name in found.keys() - {BASE} if BASE in found else ():
            self._settle(found[name], found[BASE], asked.start)
        return found

    def _settle(self, answers: dict[str, Array], base: dict[str, Array], start: int) -> None:
        for name, answer in answers.items():
            count = len(answer)
            reference = self._case.reference[name][start : start + count]
            answers[name] = ignore_rounding(
                answer, base[name][:count], reference, self._usual[name]
            )

    def _run(self, name: str, stored: dict[str, Array]) -> dict[str, Array]:
        """Answer samples in batches, in the thread of a set of kernels."""
        if name in self._broken:  # asked before it was known
            raise self._broken[name]
        try:
            model, size = self._models[name], self._case.options.batch_size
            count = len(next(iter(stored.values())))
            parts = [
                self._checked(
                    model.run_stored({key: a[start : start + size] for key, a in stored.items()})
                )
                for start in range(0, count, size)
            ]
        except InterpreterError as error:
            self._broken[name] = error
            raise
        whole = {key: np.concatenate([part[key] for part in parts]) for key in model.outputs}
        real = model.real(whole)
        return {key: real[theirs] for key, theirs in self._outputs.items()}

    def _checked(self, answers: dict[str, Array]) -> dict[str, Array]:
        """Refuse answers of another shape than the source model's."""
        for name, theirs in self._outputs.items():
            found, expected = answers[theirs].shape[1:], self._case.reference[name].shape[1:]
            if found != expected:
                told = f"answers of output {name!r} are of shape {list(found)}"
                raise InterpreterError(self._case.variant, told, f"expected {list(expected)}")
        return answers

    @contextlib.contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Note why other kernels than the default ones fail, and go on without them."""
        try:
            yield
        except InterpreterError as error:
            if name == DEFAULT:
                raise
            self.errors[name] = str(error)


def _loaded(case: MeasurementCase, kernels: Kernels) -> Model:
    return Model(
        case.content,
        description=case.described,
        signature=case.key,
        kernels=kernels,
        threads=case.options.threads,
        place=case.variant,
    )


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
