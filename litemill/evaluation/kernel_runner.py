"""Run a file under several sets of kernels, block by block of samples.

Each set has a thread of its own, which runs the next block while this one is measured: LiteRT
lets other threads of Python run while it runs. The outputs do not depend on it.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.evaluation.measurement_case import DEFAULT
from litemill.evaluation.rounding_filter import ignore_rounding, typical_magnitude
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from litemill.data.samples import Samples
    from litemill.evaluation.measurement_case import MeasurementCase
    from litemill.runtime.progress import Progress

    Array = np.ndarray[Any, np.dtype[Any]]

PORTABLE = "no_delegate"  # the kernels whose rounding is the same on every processor


@dataclass(frozen=True)
class PendingBlock:
    """A block of samples that is being run.

    Attributes:
        start: number of its first sample.
        samples: the samples.
        outputs: by set of kernels, once they are there; of the first samples alone where a set
            runs fewer.
    """

    start: int
    samples: Samples
    outputs: dict[str, Future[dict[str, Array]]]


class KernelRunner:
    """A loaded model for each set of kernels.

    Attributes:
        errors: why a set other than the default one does not run, by its name.
    """

    def __init__(self, case: MeasurementCase, counts: dict[str, int], progress: Progress) -> None:
        """Load the file for each set of kernels, which runs as many samples as `counts` says.

        Args:
            case: the file, and what it is measured against.
            counts: samples by set of kernels.
            progress: counts the samples of all sets.

        Raises:
            InterpreterError: it does not load with the default kernels.
        """
        self.errors: dict[str, str] = {}
        self._case, self._counts, self._progress = case, counts, progress
        self._models: dict[str, Model] = {}
        self._failures: dict[str, InterpreterError] = {}
        for name in counts:
            with self._recording_failure(name):
                self._models[name] = _load_model(case, name)
        model = self._models[DEFAULT]
        self._inputs = _match_names(list(case.samples.inputs), model.inputs, model, "input")
        self._outputs = _match_names(list(case.reference), model.outputs, model, "output")
        self._magnitudes = {
            name: typical_magnitude(values) for name, values in case.reference.items()
        }
        # One thread each: a set runs block after block, as stateful models need it.
        self._threads = {name: ThreadPoolExecutor(1) for name in self._models}

    def close(self) -> None:
        """Wait for what was submitted, and end the threads."""
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)

    def submit(self, samples: Samples, *, after: PendingBlock | None) -> PendingBlock:
        """Have each set of kernels run a block of samples, the next one after `after`."""
        start = after.start + len(after.samples) if after else 0
        inputs = {self._inputs[name]: values for name, values in samples.inputs.items()}
        stored = self._models[DEFAULT].stored(inputs)
        outputs = {}
        for name in self._models.keys() - self.errors.keys():
            count = min(self._counts[name] - start, len(samples))
            if count > 0:
                first = {key: values[:count] for key, values in stored.items()}
                outputs[name] = self._threads[name].submit(self._run, name, first)
        return PendingBlock(start, samples, outputs)

    def collect(self, block: PendingBlock) -> dict[str, dict[str, Array]]:
        """Return each set's outputs by name, [samples, ...]; sets that fail are left out.

        Raises:
            InterpreterError: the default kernels fail.
        """
        outputs: dict[str, dict[str, Array]] = {}
        while block.outputs:  # taken out, so that they are gone when they have been measured
            name, future = block.outputs.popitem()
            with self._recording_failure(name):
                outputs[name] = future.result()
        for name in outputs.keys() - {PORTABLE} if PORTABLE in outputs else ():
            self._ignore_rounding(outputs[name], outputs[PORTABLE], block.start)
        return outputs

    def _ignore_rounding(
        self, outputs: dict[str, Array], portable: dict[str, Array], start: int
    ) -> None:
        for name, values in outputs.items():
            count = len(values)
            reference = self._case.reference[name][start : start + count]
            outputs[name] = ignore_rounding(
                values, portable[name][:count], reference, self._magnitudes[name]
            )

    def _run(self, name: str, stored: dict[str, Array]) -> dict[str, Array]:
        """Run samples in batches, in the thread of a set of kernels."""
        if name in self._failures:  # submitted before it was known
            raise self._failures[name]
        try:
            model, size = self._models[name], self._case.options.batch_size
            count = len(next(iter(stored.values())))
            batches = []
            for start in range(0, count, size):
                rows = {key: a[start : start + size] for key, a in stored.items()}
                batches.append(self._check_shapes(model.run_stored(rows)))
                self._progress.advance(min(size, count - start))
        except InterpreterError as error:
            self._failures[name] = error
            raise
        whole = {key: np.concatenate([batch[key] for batch in batches]) for key in model.outputs}
        real = model.real(whole)
        return {output: real[tensor] for output, tensor in self._outputs.items()}

    def _check_shapes(self, outputs: dict[str, Array]) -> dict[str, Array]:
        """Refuse outputs of another shape than the source model's."""
        for name, tensor in self._outputs.items():
            shape, expected = outputs[tensor].shape[1:], self._case.reference[name].shape[1:]
            if shape != expected:
                message = f"output {name!r} is of shape {list(shape)}"
                raise InterpreterError(self._case.variant, message, f"expected {list(expected)}")
        return outputs

    @contextlib.contextmanager
    def _recording_failure(self, name: str) -> Iterator[None]:
        """Record why other kernels than the default ones fail, and go on without them."""
        try:
            yield
        except InterpreterError as error:
            if name == DEFAULT:
                raise
            self.errors[name] = str(error)


def _load_model(case: MeasurementCase, kernels: str) -> Model:
    load = case.loaders.get(kernels) or partial(
        Model, kernels=Kernels[kernels], threads=case.options.threads
    )
    return load(
        case.content,
        description=case.description,
        signature=case.signature,
        place=case.variant,
    )


def _match_names(
    names: list[str], tensors: dict[str, Any], model: Model, kind: str
) -> dict[str, str]:
    """Return the file's name for each name of the source model.

    The same names, or, in a file without a signature, whose tensors have names of their own, the
    order of the sorted names: that is how the converter lays them out.
    """
    if set(names) == set(tensors):
        return {name: name for name in names}
    if model.signature is None and len(names) == len(tensors):
        return dict(zip(sorted(names), tensors, strict=True))
    message = f"{kind}s {', '.join(map(repr, sorted(tensors)))}"
    raise InterpreterError(model.place, message, f"expected {', '.join(map(repr, sorted(names)))}")
