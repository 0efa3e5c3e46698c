"""The task's metric of two models side by side, batch by batch."""

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
        output: the one that is scored; the target of the same name, or the only one, is its own.
    """

    def __init__(self, asked: Metric, samples: Samples, outputs: list[str]) -> None:
        """Find the function, the output and the target that are meant.

        Raises:
            ConfigError: there is no such function, output or target.
        """
        self.asked = asked
        self.score = resolve_score(asked.score)
        self.output = _one(asked.output, outputs, "output")
        named = self.output if self.output in samples.targets else None
        self.target = _one(named, list(samples.targets), "target")
        self._groups = BootstrapGroups()
        self._counts = np.zeros(5, np.int64)
        self._sums = np.zeros(2)
        classes = _classes(samples, self.target)
        self._classes = GroupScores(classes) if classes else None
        self._slices = {name: GroupScores(one.values) for name, one in samples.slices.items()}
        few = 0 < len(classes) <= MOST_LABELS
        self._confusion = Confusion(classes) if few else None

    def add(self, expected: Array, answer: Array, batch: Samples) -> None:
        """Count a batch of the source model's answers and the variant's."""
        target = np.asarray(batch.targets[self.target])
        source = np.asarray(self.score(expected, target), np.float64)
        variant = np.asarray(self.score(answer, target), np.float64)
        self._sums += source.sum(), variant.sum()
        self._groups.add(source, variant)
        self._count(source, variant)
        if self._classes:
            self._classes.add(target, source, variant)
        if self._confusion:
            self._confuse(target, expected, answer)
        for name, tally in self._slices.items():
            tally.add(np.asarray(batch.slices[name].codes), source, variant)

    def _count(self, source: Array, variant: Array) -> None:
        """Count the four ways in which two models can be right or wrong, and what is neither."""
        right = (source == 1.0), (variant == 1.0)
        simple = (right[0] | (source == 0.0)) & (right[1] | (variant == 0.0))
        kinds = np.where(simple, 2 * right[0] + right[1], 4)
        self._counts += np.bincount(kinds, minlength=5)

    def _confuse(self, target: Array, expected: Array, answer: Array) -> None:
        assert self._confusion
        if expected.ndim == 2 and expected.shape[1] == self._confusion.size:  # noqa: PLR2004
            answers = (np.argmax(each, axis=-1) for each in (expected, answer))
            self._confusion.add(target, *answers)

    def measure(self) -> dict[str, Any]:
        """Give both means, the drop, which is above 0 where the variant is worse, and how sure."""
        count = int(self._counts.sum())
        source, variant = (float(total / count) for total in self._sums)
        return {
            "name": self.asked.name,
            "goal": self.asked.goal.name,
            "output": self.output,
            "source": source,
            "variant": variant,
            "drop": self.asked.goal.drop(source, variant),
            "counts": self._four(),
            "confidence": CONFIDENCE,
            "interval": self._intervals() if np.isfinite(self._sums).all() else None,
        }

    def _intervals(self) -> dict[str, list[float]]:
        found = dict(zip(("source", "variant", "drop"), self._groups.intervals(), strict=True))
        # Of source minus variant; the other way round where less is better.
        found["drop"] = sorted(self.asked.goal.drop(end, 0.0) for end in found["drop"])
        return found

    def detail(self) -> dict[str, Any]:
        """Give the metric of each class and slice, and the confusion of classes."""
        goal = self.asked.goal
        slices = {name: tally.told("value", goal) for name, tally in self._slices.items()}
        return {
            "per_class": self._classes.told("class", goal) if self._classes else None,
            "per_slice": slices or None,
            "confusion": self._confusion.told() if self._confusion else None,
        }

    def _four(self) -> dict[str, int] | None:
        """Give how many samples each model is right on, where every score is 0 or 1."""
        neither, variant, source, both, other = (int(count) for count in self._counts)
        if other:
            return None
        return {"both": both, "source_only": source, "variant_only": variant, "neither": neither}


def _classes(samples: Samples, target: str) -> tuple[str, ...]:
    """Name the classes of a target that is one class for each sample; none of another."""
    values = samples.targets[target]
    labelled = values.ndim == 1 and values.dtype.kind in "iu"
    return (samples.classes or ()) if labelled else ()


def _one(name: str | None, names: list[str], kind: str) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        found = f"{kind} {name!r} among {', '.join(sorted(names)) or 'none'}"
        raise ConfigError(f"data.metric.{kind}", found, f"expected one {kind}, named")
    return name


def resolve_score(score: dict[str, Any]) -> Score:
    """Give the function that `score` names by `_target_`, with its other keys as arguments.

    Raises:
        ConfigError: there is no such function.
    """
    arguments = {key: value for key, value in score.items() if key != "_target_"}
    name, place = str(score.get("_target_")), "data.metric.score._target_"
    return partial(resolve_target(name, place), **arguments)
