"""Compare what a .tflite file answers with what its source answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.audit.tensor_matching import TensorMatching, match_tensors
from litemill.core.errors import ConversionError, DataError
from litemill.data.sample_matching import shape_matches
from litemill.evaluation.tolerance import Tolerance, measure_output, shortfalls

if TYPE_CHECKING:
    import numpy as np

    from litemill.audit.source_candidate import SourceAnswers
    from litemill.tflite.untrusted_file import UntrustedFile

    Array = np.ndarray[Any, np.dtype[Any]]
    Measures = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class OutputComparison:
    """How near a file's outputs are to the source's.

    Attributes:
        inputs, outputs: the file's for each of the source's.
        measures: by the source's output.
        shortfalls: where the measures are below the limits.
        swapped: outputs that answer what another one should.
        other_order: with which other order of unnamed inputs or outputs nothing would fall short.
    """

    inputs: TensorMatching
    outputs: TensorMatching
    measures: Measures
    shortfalls: list[str]
    swapped: list[str]
    other_order: str


def compare_outputs(
    source: SourceAnswers, file: UntrustedFile, limits: Tolerance
) -> OutputComparison:
    """Run a file on the source's samples and compare its outputs with the source's.

    Raises:
        ConversionError: its inputs or outputs are not the source's.
        DataError: it takes samples of other sizes than these, though the source takes both.
        InterpreterError: it does not run.
    """
    comparer = _Comparer(source, file, limits)
    signature = source.signature
    inputs = match_tensors(signature["inputs"], file.inputs, "input", file.place)
    outputs = match_tensors(signature["outputs"], file.outputs, "output", file.place)
    answers = comparer.run(inputs.names)
    measures = comparer.measure(answers, outputs.names)
    short = comparer.shortfalls(measures)
    other = comparer.other_order(inputs, outputs, answers) if short else ""
    swapped = comparer.swapped(answers, outputs.names) if short and not other else []
    return OutputComparison(inputs, outputs, measures, short, swapped, other)


@dataclass(frozen=True)
class _Comparer:
    source: SourceAnswers
    file: UntrustedFile
    limits: Tolerance

    def run(self, names: dict[str, str]) -> dict[str, Array]:
        inputs = {names[name]: array for name, array in self.source.inputs.items()}
        for name, array in inputs.items():
            sizes = [None if size < 0 else size for size in self.file.inputs[name].shape[1:]]
            if not shape_matches(sizes, array.shape[1:]):
                message = f"samples of shape {list(array.shape[1:])}"
                place = f"{self.file.place}: input {name!r}"
                raise DataError(place, message, f"expected {sizes}")
        return self.file.answers(inputs)

    def measure(self, answers: dict[str, Array], names: dict[str, str]) -> Measures:
        for name, values in self.source.outputs.items():
            shape = answers[names[name]].shape
            if shape != values.shape:
                message = f"output {name!r} is of shape {list(shape)}"
                raise ConversionError(
                    self.file.place, message, f"the source's is {[*values.shape]}"
                )
        return {
            name: measure_output(values, answers[names[name]])
            for name, values in self.source.outputs.items()
        }

    def shortfalls(self, measures: Measures) -> list[str]:
        count = len(next(iter(self.source.inputs.values())))
        return [
            line
            for name, measured in measures.items()
            for line in shortfalls(name, measured, self.limits, count)
        ]

    def other_order(
        self, inputs: TensorMatching, outputs: TensorMatching, answers: dict[str, Array]
    ) -> str:
        """Name another order of unnamed outputs or inputs with which nothing falls short."""
        for names in outputs.others():
            if not self.shortfalls(self.measure(answers, names)):
                return f"faithful only with the outputs {_pairs(names)}, which no name confirms"
        for names in inputs.others():
            if not self.shortfalls(self.measure(self.run(names), outputs.names)):
                return f"faithful only with the inputs {_pairs(names)}, which no name confirms"
        return ""

    def swapped(self, answers: dict[str, Array], names: dict[str, str]) -> list[str]:
        """Name outputs that answer what another one of the source's does."""
        return [
            f"output {theirs!r} answers what the source's {ours!r} does"
            for name, theirs in names.items()
            for ours, values in self.source.outputs.items()
            if ours != name and values.shape == answers[theirs].shape
            if not self.shortfalls({ours: measure_output(values, answers[theirs])})
        ]


def _pairs(names: dict[str, str]) -> str:
    return ", ".join(f"{ours} = {theirs}" for ours, theirs in names.items())
