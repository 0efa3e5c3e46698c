"""Sum the scores of source model and variant by class, or by slice of the data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litemill.config.schema.validate import Goal

    Array = np.ndarray[Any, np.dtype[Any]]

MOST_LABELS = 100  # of a confusion matrix


class GroupScores:
    """Number of samples and sums of scores for each of some labels."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Count for these labels, 0, 1, ...."""
        self._labels = labels
        self._sums = np.zeros((3, len(labels)))

    def add(self, label: Array, source: Array, variant: Array) -> None:
        """Count samples: which label each has, and its scores.

        Raises:
            DataError: there is no such label.
        """
        known = len(self._labels)
        if len(label) and not 0 <= int(label.min()) <= int(label.max()) < known:
            message = f"label {int(label.min())} or {int(label.max())}"
            raise DataError("build/prepare/evaluation", message, f"expected 0 to {known - 1}")
        weights = (None, source, variant)
        self._sums += [np.bincount(label, weight, minlength=known) for weight in weights]

    def rows(self, key: str, goal: Goal) -> list[dict[str, Any]]:
        """Return a row for each label that has samples, in their order; `key` names the label."""
        rows = []
        for label, count, source, variant in zip(self._labels, *self._sums, strict=True):
            if count:
                means = float(source / count), float(variant / count)
                row = {"source": means[0], "variant": means[1], "drop": goal.drop(*means)}
                rows.append({key: label, "samples": int(count), **row})
        return rows


class Confusion:
    """How often samples of one class are taken for another, by source model and by variant."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Count for these classes."""
        self._labels = list(labels)
        self._counts = np.zeros((2, len(labels) ** 2), np.int64)

    @property
    def size(self) -> int:
        """Number of classes."""
        return len(self._labels)

    def add(self, target: Array, source: Array, variant: Array) -> None:
        """Count samples: their class, and what each model's highest output says it is."""
        size = self.size
        self._counts += [
            np.bincount(target * size + answer, minlength=size**2) for answer in (source, variant)
        ]

    def matrices(self) -> dict[str, Any] | None:
        """Return both matrices, a row a true class, a column an answer; None without samples."""
        if not self._counts.any():
            return None
        size = self.size
        source, variant = self._counts.reshape(2, size, size).tolist()
        return {"labels": self._labels, "source": source, "variant": variant}
