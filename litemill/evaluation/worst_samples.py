"""Record the samples on which a variant differs most from the source model, for people to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]

LISTED = 6  # samples of a variant
SHOWN = 4  # values of an output that is no class


class WorstSamples:
    """The samples whose predicted class changed, and of these those with the largest errors.

    Where no class changed, or an output has none, the largest errors alone decide.
    """

    def __init__(self, samples: Samples, classified: list[str], outputs: list[str]) -> None:
        """Watch one output: the first that has classes, or else the first.

        Args:
            samples: all of them; their targets and classes name answers.
            classified: the outputs whose last axis are classes.
            outputs: all outputs.
        """
        self.output = min(classified or outputs)
        self._classified = self.output in classified
        self._classes = samples.classes
        names = list(samples.targets)
        same = self.output if self.output in names else None
        self._target = same or (names[0] if len(names) == 1 else None)
        self._rows: list[dict[str, Any]] = []

    def add(self, start: int, expected: Array, output: Array, batch: Samples) -> None:
        """Compare a block of outputs [samples, ...] whose first sample has the number `start`."""
        flat = [np.asarray(each, np.float64).reshape(len(each), -1) for each in (expected, output)]
        with np.errstate(invalid="ignore"):
            errors = np.abs(flat[1] - flat[0]).max(axis=1, initial=0.0)
        errors = np.where(np.isfinite(errors), errors, np.inf)
        classes = self._top_classes(expected, output)
        changed = classes[0] != classes[1] if classes else np.zeros(len(errors), bool)
        # Of equal errors the first: what is below six digits differs by processor.
        keys = [float(f"{error:.6g}") for error in errors]
        order = sorted(range(len(keys)), key=lambda row: (not changed[row], -keys[row]))
        for row in order[:LISTED]:
            answers = [each[row] for each in classes or flat]
            self._rows.append(
                {
                    "sample": start + row,
                    "error": keys[row],
                    "changed": bool(changed[row]) if classes else None,
                    "target": self._target_text(batch.targets, row),
                    "source": self._answer(answers[0]),
                    "variant": self._answer(answers[1]),
                }
            )
        self._rows.sort(key=lambda row: (not row["changed"], -row["error"], row["sample"]))
        del self._rows[LISTED:]

    def measures(self) -> dict[str, Any] | None:
        """Return the output, and the samples that differ, the worst first; None if none does."""
        rows = [row for row in self._rows if row["error"] > 0]
        return {"output": self.output, "rows": rows} if rows else None

    def _top_classes(self, expected: Array, output: Array) -> tuple[Array, Array] | None:
        """Return both models' classes, where a sample has one class."""
        if not self._classified or expected.ndim != 2:  # noqa: PLR2004
            return None
        return np.argmax(expected, axis=-1), np.argmax(output, axis=-1)

    def _answer(self, value: Any) -> str | list[float]:
        """Return the name of a class, or the first values of an output."""
        if np.ndim(value) == 0:
            return self._class_name(int(value))
        return [float(f"{number:.6g}") for number in value[:SHOWN]]

    def _class_name(self, number: int) -> str:
        classes = self._classes or ()
        return str(classes[number]) if 0 <= number < len(classes) else str(number)

    def _target_text(self, targets: Mapping[str, Array], row: int) -> str | list[float] | None:
        if self._target is None:
            return None
        value = np.asarray(targets[self._target][row])
        if value.ndim == 0 and value.dtype.kind in "iu" and self._classified:
            return self._class_name(int(value))
        if value.dtype.kind not in "biuf":
            return None
        return [float(f"{number:.6g}") for number in value.reshape(-1)[:SHOWN]]
