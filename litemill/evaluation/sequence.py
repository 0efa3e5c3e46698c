"""Measure models that keep a state from call to call along a sequence of samples.

The outputs of a file with ASSIGN_VARIABLE depend on what came before. The evaluation samples are
then the steps of one sequence, in the split's order (`split.shuffle: false` keeps that of the
data), for the source model as for the variant, and both begin from their initial state. LiteRT's
`reset_all_variables` does not reach these variables, so a sequence begins with a file that was
loaded anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.evaluation.fidelity import Fidelity

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from litemill.tflite.description import Description

    Array = np.ndarray[Any, np.dtype[Any]]

PARTS = 10  # that a sequence is divided into
_MEASURES = ("snr_db", "max_abs_error", "mean_abs_error")


def is_stateful(description: Description) -> bool:
    """Return whether a file keeps a state that its next call reads."""
    return any(operator.name == "ASSIGN_VARIABLE" for operator in description.operators)


class SequenceErrors:
    """Errors in consecutive parts of a sequence: whether they grow along it."""

    def __init__(self, steps: int, outputs: Iterable[str]) -> None:
        """Divide so many steps into parts."""
        parts = min(PARTS, steps)
        self._ends = [steps * (part + 1) // parts for part in range(parts)]
        self._errors = [{name: Fidelity() for name in outputs} for _ in self._ends]

    def add(self, start: int, name: str, reference: Array, output: Array) -> None:
        """Count the next steps of an output, [steps, ...]; `start` is the number of the first."""
        first = 0
        for end, errors in zip(self._ends, self._errors, strict=True):
            last = min(max(end - start, 0), len(reference))
            if last > first:
                errors[name].add(reference[first:last], output[first:last])
                first = last

    def measures(self) -> dict[str, Any]:
        """Return the number of steps, and the errors of each part up to (not with) step `end`."""
        parts = []
        for end, errors in zip(self._ends, self._errors, strict=True):
            measures = {name: fidelity.measures() for name, fidelity in errors.items()}
            outputs = {name: {key: m[key] for key in _MEASURES} for name, m in measures.items()}
            parts.append({"end": end, "outputs": outputs})
        return {"steps": self._ends[-1], "parts": parts}
