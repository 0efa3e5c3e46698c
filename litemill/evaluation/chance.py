"""Is the source model any better than chance on the evaluation samples?

Where it is not, the samples reach it in another form or order than it was trained on, and nothing
that is measured on them means anything: its variants answer the same nonsense.

Chance is what the same outputs score on the same targets in another order, which is a permutation
test (Good, *Permutation, Parametric and Bootstrap Tests of Hypotheses*, 2005). Of a regression it
is also what the mean of the targets scores. Orders are raw PCG64, the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.validate import Goal
from litemill.core.errors import DataError
from litemill.evaluation.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.config.schema.validate import Metric
    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]

OPTION = "validate.accept_chance"
ORDERS = 20  # in which targets are compared with outputs
DEVIATIONS = 3.0  # above the mean of these scores, up to which a model is no better
SKILL = 0.05  # share of the way from chance to a perfect score, up to which it is "near chance"
FEWEST = 20  # samples; fewer say nothing
MOST_SAMPLES = 2048
MOST_BYTES = 16 << 20  # of outputs and targets
MATCHES = 0.5  # score with reordered classes, from which the order is to blame
NAMED = 5  # classes in a message


@dataclass(frozen=True)
class ChanceLevel:
    """What a metric comes to by chance, and for the source model, on the same samples."""

    name: str
    source: float
    chance: float
    samples: int
    better: bool  # whether the source model is better than chance
    baseline: str  # what chance is here


def chance_level(
    metric: Metric, reference: Mapping[str, Array], samples: Samples
) -> ChanceLevel | None:
    """Compare the source model's metric with chance.

    Args:
        metric: the task's.
        reference: the source model's outputs by name, [samples, ...].
        samples: the evaluation split.

    Returns:
        None where nobody can tell: few samples, or targets that are all the same.
    """
    scoring = Scoring(metric, samples, list(reference))
    outputs, targets = reference[scoring.output], samples.targets[scoring.target]
    count = _count(outputs, targets)
    outputs, targets = np.asarray(outputs[:count]), np.asarray(targets[:count])
    if count < FEWEST or (targets == targets[:1]).all():
        return None
    source = float(np.mean(scoring.score(outputs, targets)))
    if not np.isfinite(source):
        return None  # the check `finite` says more
    shuffled = [float(np.mean(scoring.score(outputs, targets[o]))) for o in _orders(count)]
    sign = 1.0 if metric.goal is Goal.maximize else -1.0
    chance, deviation = float(np.mean(shuffled)), float(np.std(shuffled))
    better = sign * (source - chance) > DEVIATIONS * deviation and _skill(
        metric.goal, source, chance
    )
    baseline = "its outputs on the targets in another order"
    if targets.dtype.kind == "f" and outputs.size == targets.size:
        mean = np.broadcast_to(targets.mean(axis=0), targets.shape).reshape(outputs.shape)
        constant = float(np.mean(scoring.score(mean, targets)))
        if sign * (constant - chance) >= 0:
            chance, baseline = constant, "the mean of the targets"
            better = better and sign * (source - constant) > 0
    return ChanceLevel(metric.name, source, chance, count, bool(better), baseline)


def refuse_chance(
    metric: Metric,
    reference: Mapping[str, Array],
    samples: Samples,
    scaling: Mapping[str, float] | None = None,
) -> None:
    """Stop where the source model is at chance, with what usually causes it.

    Args:
        metric: the task's.
        reference: the source model's outputs by name, [samples, ...].
        samples: the evaluation split.
        scaling: by input, what the model itself multiplies it with first; 1 is nothing.

    Raises:
        DataError: it is no better than chance.
    """
    level = chance_level(metric, reference, samples)
    if level is None or level.better:
        return
    problem = (
        f"{level.name} of the source model is {level.source:.3g} on {level.samples} evaluation"
        f" samples, and {level.chance:.3g} by chance ({level.baseline})"
    )
    hints = [*_order_of_classes(metric, reference, samples, level.samples)]
    hints = hints or [_range(name, samples, (scaling or {}).get(name)) for name in samples.inputs]
    expected = f"{'; '.join(hints)}; {OPTION}: true builds it all the same"
    raise DataError("build/export/reference", problem, expected)


def _count(outputs: Array, targets: Array) -> int:
    row = (outputs.nbytes + targets.nbytes) // max(1, len(outputs)) or 1
    return min(len(outputs), MOST_SAMPLES, max(FEWEST, MOST_BYTES // row))


def _orders(count: int) -> list[Array]:
    generator = np.random.PCG64(0)
    return [np.argsort(generator.random_raw(count), kind="stable") for _ in range(ORDERS)]


def _skill(goal: Goal, source: float, chance: float) -> bool:
    """Tell whether a score is far enough from chance; of scores up to 1, or errors down to 0."""
    if goal is Goal.minimize:
        return chance <= 0 or source < (1 - SKILL) * chance
    return chance >= 1 or source > chance + SKILL * (1 - chance)


def _order_of_classes(
    metric: Metric, reference: Mapping[str, Array], samples: Samples, count: int
) -> list[str]:
    """Name the order of classes with which most predictions would be right, if there is one."""
    scoring = Scoring(metric, samples, list(reference))
    outputs = np.asarray(reference[scoring.output][:count])
    targets = np.asarray(samples.targets[scoring.target][:count])
    classes = samples.classes
    if not classes or targets.ndim != 1 or targets.dtype.kind not in "iu":
        return []
    if outputs.ndim != 2 or outputs.shape[1] != len(classes):  # noqa: PLR2004
        return []
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (outputs.argmax(axis=1), targets), 1)
    order = _assign(counts)
    right = counts[list(order), list(order.values())].sum() / count
    if right < MATCHES:
        return []
    names = [f"{number} = {classes[order[number]]!r}" for number in sorted(order)[:NAMED]]
    pairs = ", ".join(names) + (", ..." if len(order) > NAMED else "")
    text = f"with classes in another order {right:.1%} would be right: output {pairs}"
    return [f"{text}; set `classes` in the data's choice"]


def _assign(counts: Array) -> dict[int, int]:
    """Match outputs with classes, those that occur together most often first."""
    order: dict[int, int] = {}
    for flat in np.argsort(-counts, axis=None, kind="stable").tolist():
        output, label = divmod(flat, len(counts))
        if output not in order and label not in order.values():
            order[output] = label
    return order


def _range(name: str, samples: Samples, scaling: float | None) -> str:
    """Say what range an input has, and what the model does to it first."""
    values = np.asarray(samples.inputs[name][:FEWEST])
    text = f"input {name!r} is {values.min():.3g} to {values.max():.3g}"
    if scaling is None:
        return f"{text}: compare it, and the order of classes, with what the model was trained on"
    if scaling == 1:
        return f"{text}, and the model does not scale it: compare it with what it was trained on"
    low, high = sorted(float(end) * scaling for end in (values.min(), values.max()))
    return (
        f"{text}, and the model itself multiplies it by {scaling:.3g}, to {low:.3g} to {high:.3g}"
    )
