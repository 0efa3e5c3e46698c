"""The task's metric of two models side by side, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.errors import ConfigError
from stages.schema.validate import Goal, Metric

if TYPE_CHECKING:
    from stages.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]

Score = Callable[..., Any]


@dataclass
class Scoring:
    """Sums the scores of the source model and of a variant; the metric is their mean.

    Attributes:
        asked: the metric.
        samples: what it is measured on; tells the targets' names.
        outputs: names of the model's outputs.
        count: how many samples there will be.
        output: the one that is scored; the target of the same name, or the only one, is its own.
    """

    asked: Metric
    samples: Samples
    outputs: list[str]
    count: int
    source: float = 0.0
    variant: float = 0.0
    score: Score = field(init=False)

    def __post_init__(self) -> None:
        """Find the function, the output and the target that are meant."""
        self.score = resolve(self.asked.score)
        self.output = self._one(self.asked.output, self.outputs, "output")
        named = self.output if self.output in self.samples.targets else None
        self.target = self._one(named, list(self.samples.targets), "target")

    def _one(self, name: str | None, names: list[str], kind: str) -> str:
        if name is None and len(names) == 1:
            return names[0]
        if name not in names:
            found = f"{kind} {name!r} among {', '.join(sorted(names)) or 'none'}"
            raise ConfigError(f"data.metric.{kind}", found, f"expected one {kind}, named")
        return name

    def add(self, expected: Array, answer: Array, batch: Samples) -> None:
        """Count a batch of the source model's answers and the variant's."""
        target = np.asarray(batch.targets[self.target])
        self.source += float(np.sum(self.score(expected, target), dtype=np.float64))
        self.variant += float(np.sum(self.score(answer, target), dtype=np.float64))

    def measure(self) -> dict[str, Any]:
        """Give both means and the drop, which is above 0 where the variant is worse."""
        source, variant = self.source / self.count, self.variant / self.count
        worse = source - variant if self.asked.goal is Goal.maximize else variant - source
        return {
            "name": self.asked.name,
            "goal": self.asked.goal.name,
            "output": self.output,
            "source": source,
            "variant": variant,
            "drop": worse,
        }


def resolve(score: dict[str, Any]) -> Score:
    """Give the function that `score` names by `_target_`, with its other keys as arguments.

    Raises:
        ConfigError: there is no such function.
    """
    module, _, name = str(score.get("_target_")).rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        found = f"{score.get('_target_')} does not import ({error})"
        raise ConfigError("data.metric.score._target_", found) from None
    return partial(function, **{key: value for key, value in score.items() if key != "_target_"})
