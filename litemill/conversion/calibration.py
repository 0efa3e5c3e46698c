"""The representative dataset: which samples of the calibration split, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.variant import Calibration, Selection
from litemill.conversion.option_conflicts import too_few_samples
from litemill.core.errors import DataError
from litemill.runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litemill.data.samples import Samples


def select_rows(options: Calibration, samples: Samples) -> list[int]:
    """Select the rows of the calibration split that a variant is calibrated on, in order.

    Raises:
        ConfigError: more are requested than there are.
        DataError: stratified selection in a data set without classes.
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
        message = "stratified, in a data set without classes"
        raise DataError("calibration.selection", message, "expected one of: first, random")
    return _stratified(options.samples, next(iter(samples.targets.values())), random)


def representative_dataset(
    samples: Samples, rows: list[int], batch: int | None = None
) -> Callable[[], Iterator[dict[str, Any]]]:
    """Return a function that iterates over samples by input name, one at a time.

    For a model of a fixed batch size that many, the first ones again where there are too few.
    """
    size = batch or 1

    def generate() -> Iterator[dict[str, Any]]:
        with Progress("calibrate", len(rows)) as progress:
            for start in range(0, len(rows), size):
                batch_rows = rows[start : start + size]
                yield samples.take(batch_rows + rows[: size - len(batch_rows)]).inputs
                progress.advance(len(batch_rows))

    return generate


def _stratified(count: int, labels: Any, random: np.random.Generator) -> list[int]:
    shuffled = random.permutation(len(labels))
    # The k-th sample of every class comes before the (k+1)-th of any.
    counts: dict[int, int] = {}
    ranked = []
    for row in shuffled:
        label = int(np.asarray(labels[row]).reshape(()))
        ranked.append((counts.setdefault(label, 0), label, int(row)))
        counts[label] += 1
    return [row for _, _, row in sorted(ranked)[:count]]
