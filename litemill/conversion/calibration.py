"""The representative dataset: which samples of the calibration split, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.variant import Calibration, Selection
from litemill.conversion.option_conflicts import too_few_samples
from litemill.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litemill.data.samples import Samples


def select_rows(options: Calibration, samples: Samples) -> list[int]:
    """Give the rows of the calibration split that a variant is calibrated on, in order.

    Raises:
        ConfigError: more are asked for than there are.
        DataError: classes of a data set without classes.
    """
    count = len(samples)
    if options.samples > count:
        raise too_few_samples(options.samples, count, "calibration.samples")
    if options.selection is Selection.first:
        return list(range(options.samples))
    random = np.random.default_rng(options.seed)
    if options.selection is Selection.random:
        return [int(row) for row in random.permutation(count)[: options.samples]]
    if samples.classes is None:
        told = "per_class for a data set without classes"
        raise DataError("calibration.selection", told, "expected one of: first, random")
    return _per_class(options.samples, next(iter(samples.targets.values())), random)


def representative_dataset(
    samples: Samples, rows: list[int], batch: int | None = None
) -> Callable[[], Iterator[dict[str, Any]]]:
    """Give the samples as the converter wants them: by input name, one at a time.

    A model of a fixed batch size gets that many, the first ones again where there are too few.
    """
    size = batch or 1

    def generate() -> Iterator[dict[str, Any]]:
        for start in range(0, len(rows), size):
            taken = rows[start : start + size]
            yield samples.take(taken + rows[: size - len(taken)]).inputs

    return generate


def _per_class(count: int, labels: Any, random: np.random.Generator) -> list[int]:
    shuffled = random.permutation(len(labels))
    # The k-th sample of every class comes before the (k+1)-th of any.
    turn: dict[int, int] = {}
    ranked = []
    for row in shuffled:
        label = int(np.asarray(labels[row]).reshape(()))
        ranked.append((turn.setdefault(label, 0), label, int(row)))
        turn[label] += 1
    return [row for _, _, row in sorted(ranked)[:count]]
