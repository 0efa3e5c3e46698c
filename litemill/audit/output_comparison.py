"""Does a .tflite file answer what its source answers?"""

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
    """How a file answers, with its inputs and outputs taken as names, shapes or order tell."""

    inputs: TensorMatching
    outputs: TensorMatching
    measures: Measures  # by the source's output
    short: list[str]  # where they are not what they have to be
    swapped: list[str]  # and what explains it
    # With unnamed inputs or outputs in another order they would be.
    other_order: str


def compare_outputs(
    source: SourceAnswers, file: UntrustedFile, least: Tolerance
) -> OutputComparison:
    """Run a file on the source's samples and compare its answers with the source's.

    Raises:
        ConversionError: its inputs or outputs are not the source's.
        DataError: it takes samples of other sizes than these, though the source takes both.
        InterpreterError: it does not run.
    """
    case = _Case(source, file, least)
    described = source.signature
    inputs = match_tensors(described["inputs"], file.inputs, "input", file.place)
    outputs = match_tensors(described["outputs"], file.outputs, "output", file.place)
    answered = case.answered(inputs.names)
    measures = case.measures(answered, outputs.names)
    short = case.short(measures)
    other = case.other_order(inputs, outputs, answered) if short else ""
    swapped = case.swapped(answered, outputs.names) if short and not other else []
    return OutputComparison(inputs, outputs, measures, short, swapped, other)


@dataclass(frozen=True)
class _Case:
    source: SourceAnswers
    file: UntrustedFile
    least: Tolerance

    def answered(self, names: dict[str, str]) -> dict[str, Array]:
        given = {names[name]: array for name, array in self.source.inputs.items()}
        for name, array in given.items():
            sizes = [None if size < 0 else size for size in self.file.inputs[name].shape[1:]]
            if not shape_matches(sizes, array.shape[1:]):
                told = f"samples of shape {list(array.shape[1:])}"
                raise DataError(f"{self.file.place}: input {name!r}", told, f"it takes {sizes}")
        return self.file.answers(given)

    def measures(self, answered: dict[str, Array], names: dict[str, str]) -> Measures:
        for name, values in self.source.outputs.items():
            found = answered[names[name]].shape
            if found != values.shape:
                told = f"output {name!r} is of shape {list(found)}"
                raise ConversionError(self.file.place, told, f"the source's is {[*values.shape]}")
        return {
            name: measure_output(values, answered[names[name]])
            for name, values in self.source.outputs.items()
        }

    def short(self, measures: Measures) -> list[str]:
        count = len(next(iter(self.source.inputs.values())))
        return [
            told
            for name, one in measures.items()
            for told in shortfalls(name, one, self.least, count)
        ]

    def other_order(
        self, inputs: TensorMatching, outputs: TensorMatching, answered: dict[str, Array]
    ) -> str:
        """Tell in which other order of unnamed outputs or inputs the answers would be right."""
        for names in outputs.others():
            if not self.short(self.measures(answered, names)):
                return f"faithful only with the outputs {_taken(names)}, which no name says"
        for names in inputs.others():
            again = self.answered(names)
            if not self.short(self.measures(again, outputs.names)):
                return f"faithful only with the inputs {_taken(names)}, which no name says"
        return ""

    def swapped(self, answered: dict[str, Array], names: dict[str, str]) -> list[str]:
        """Name outputs that answer what another one of the source's does."""
        return [
            f"its output {other!r} answers what the source's {mine!r} does"
            for name, other in names.items()
            for mine, values in self.source.outputs.items()
            if mine != name and values.shape == answered[other].shape
            if not self.short({mine: measure_output(values, answered[other])})
        ]


def _taken(names: dict[str, str]) -> str:
    return ", ".join(f"{name} = {other}" for name, other in names.items())
