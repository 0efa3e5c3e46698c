"""Score the source model and a variant side by side by the task's metric, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.instantiate import resolve_target
from litemill.core.errors import ConfigError
from litemill.evaluation.bootstrap import CONFIDENCE, BootstrapGroups
from litemill.evaluation.group_metrics import MOST_LABELS, Confusion, GroupScores

if TYPE_CHECKING:
    from litemill.config.schema.validate import Metric
    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]

Score = Callable[..., Any]


class Scoring:
    """Sums the scores of the source model and of a variant; the metric is their mean.

    Attributes:
        output: the scored one; its target is that of the same name, or the only one.
    """

    def __init__(self, metric: Metric, samples: Samples, outputs: list[str]) -> None:
        """Find the function, the output and the target to score.

        Raises:
            ConfigError: there is no such function, output or target.
        """
        self.metric = metric
        self.score = resolve_score(metric.score)
        self.output = _choose(metric.output, outputs, "output")
        same_name = self.output if self.output in samples.targets else None
        self.target = _choose(same_name, list(samples.targets), "target")
        self._groups = BootstrapGroups()
        self._counts = np.zeros(5, np.int64)
        self._sums = np.zeros(2)
        classes = _classes(samples, self.target)
        self._classes = GroupScores(classes) if classes else None
        self._slices = {name: GroupScores(values.values) for name, values in samples.slices.items()}
        few = 0 < len(classes) <= MOST_LABELS
        self._confusion = Confusion(classes) if few else None

    def add(self, expected: Array, output: Array, batch: Samples) -> None:
        """Count a batch of the source model's outputs and the variant's."""
        target = np.asarray(batch.targets[self.target])
        source = np.asarray(self.score(expected, target), np.float64)
        variant = np.asarray(self.score(output, target), np.float64)
        self._sums += source.sum(), variant.sum()
        self._groups.add(source, variant)
        self._count(source, variant)
        if self._classes:
            self._classes.add(target, source, variant)
        if self._confusion:
            self._add_confusion(target, expected, output)
        for name, scores in self._slices.items():
            scores.add(np.asarray(batch.slices[name].codes), source, variant)

    def _count(self, source: Array, variant: Array) -> None:
        """Count the four ways in which two models can be right or wrong, and what is neither."""
        source_right, variant_right = source == 1.0, variant == 1.0
        binary = (source_right | (source == 0.0)) & (variant_right | (variant == 0.0))
        kinds = np.where(binary, 2 * source_right + variant_right, 4)
        self._counts += np.bincount(kinds, minlength=5)

    def _add_confusion(self, target: Array, expected: Array, output: Array) -> None:
        assert self._confusion
        if expected.ndim == 2 and expected.shape[1] == self._confusion.size:  # noqa: PLR2004
            classes = (np.argmax(each, axis=-1) for each in (expected, output))
            self._confusion.add(target, *classes)

    def measures(self) -> dict[str, Any]:
        """Return both means, the drop (above 0 where the variant is worse) and their intervals."""
        count = int(self._counts.sum())
        source, variant = (float(total / count) for total in self._sums)
        return {
            "name": self.metric.name,
            "goal": self.metric.goal.name,
            "output": self.output,
            "source": source,
            "variant": variant,
            "drop": self.metric.goal.drop(source, variant),
            "counts": self._outcome_counts(),
            "confidence": CONFIDENCE,
            "interval": self._intervals() if np.isfinite(self._sums).all() else None,
        }

    def _intervals(self) -> dict[str, list[float]]:
        intervals = dict(zip(("source", "variant", "drop"), self._groups.intervals(), strict=True))
        # Of source minus variant; the other way round where less is better.
        intervals["drop"] = sorted(self.metric.goal.drop(end, 0.0) for end in intervals["drop"])
        return intervals

    def details(self) -> dict[str, Any]:
        """Return the metric of each class and slice, and the confusion of classes."""
        goal = self.metric.goal
        slices = {name: scores.rows("value", goal) for name, scores in self._slices.items()}
        return {
            "per_class": self._classes.rows("class", goal) if self._classes else None,
            "per_slice": slices or None,
            "confusion": self._confusion.matrices() if self._confusion else None,
        }

    def _outcome_counts(self) -> dict[str, int] | None:
        """Count the samples that each model is right on, where every score is 0 or 1."""
        neither, variant, source, both, other = (int(count) for count in self._counts)
        if other:
            return None
        return {"both": both, "source_only": source, "variant_only": variant, "neither": neither}


def _classes(samples: Samples, target: str) -> tuple[str, ...]:
    """Name the classes of a target that is one class for each sample; none of another."""
    values = samples.targets[target]
    labelled = values.ndim == 1 and values.dtype.kind in "iu"
    return (samples.classes or ()) if labelled else ()


def _choose(name: str | None, names: list[str], kind: str) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        message = f"{kind} {name!r} among {', '.join(sorted(names)) or 'none'}"
        raise ConfigError(f"data.metric.{kind}", message, f"expected the name of one {kind}")
    return name


def resolve_score(score: dict[str, Any]) -> Score:
    """Resolve the function that `score` names by `_target_`, with its other keys as arguments.

    Raises:
        ConfigError: there is no such function.
    """
    arguments = {key: value for key, value in score.items() if key != "_target_"}
    name, place = str(score.get("_target_")), "data.metric.score._target_"
    return partial(resolve_target(name, place), **arguments)
