"""Searches: some points of a space that is too large for all of them; the same ones for a seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from litemill.conversion.grid import combinations
from litemill.sweep.points import drop_duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from litemill.conversion.grid_override import Axis
    from litemill.sweep.executor import PointResult
    from litemill.sweep.points import Point, Space

ROUND = 8  # points that are asked for at once, on however many cores: another number, other points
PATIENCE = 20  # times the budget: combinations that are looked at, to draw or to write out
IDLE = 20  # rounds without a new point that can be made, after which a search ends


def exhaustive_search(space: Space, *, budget: int) -> list[Point] | None:
    """Return all points of a space that the budget is enough for; None of a larger one.

    Many combinations may be few points: the same file, or none that can be made, which do not
    count.
    """
    if combinations(space.axes) > PATIENCE * budget:
        return None
    every = space.points()
    return every if makeable(every) <= budget else None


def makeable(given: Iterable[Point]) -> int:
    """Count the points that nothing is known against."""
    return sum(point.refused is None for point in given)


def random_search(space: Space, *, budget: int, seed: int) -> list[Point]:
    """Draw distinct points uniformly; those that cannot be made come along and do not count.

    All of them are drawn where there are no more than the budget.
    """
    if (every := exhaustive_search(space, budget=budget)) is not None:
        return every
    source = random.Random(seed)  # noqa: S311  # nothing is secret here
    found: dict[str, Point] = {}
    for _ in range(PATIENCE * budget):
        point = space.point({axis.key: _drawn(axis, source) for axis in space.axes})
        found.setdefault(point.name, point)
        if makeable(found.values()) == budget:
            break
    return list(found.values())


def smallest_search(
    space: Space,
    compute: Callable[[list[Point]], list[PointResult]],
    *,
    budget: int,
    seed: int,
    max_drop: float,
) -> list[PointResult]:
    """Look for the smallest file whose metric drops by at most `max_drop`.

    Tree-structured Parzen estimator (Bergstra et al., 2011; `optuna.samplers.TPESampler`), with the
    drop as a constraint. It is asked for rounds of `ROUND` points and told all their results in the
    order of asking, so that it goes the same way whichever is done first.

    Args:
        space: what to choose from.
        compute: gives what became of points.
        budget: how many points are computed; fewer where the sampler comes upon no more.
        seed: of the search.
        max_drop: in the metric's own unit.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Constant liar: points of a round are unlike each other, though none is told yet.
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=ROUND, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    distributions = {axis.key: _distribution(axis) for axis in space.axes}
    found: dict[str, PointResult] = {}
    left, idle = budget, 0
    while left and idle < IDLE:
        trials = [study.ask(distributions) for _ in range(min(ROUND, left))]
        asked = [space.point(_chosen(space.axes, trial.params)) for trial in trials]
        new = drop_duplicates(point for point in asked if point.name not in found)
        found |= {one.point.name: one for one in compute(new)}
        made = makeable(new)
        left, idle = left - made, 0 if made else idle + 1
        for trial, point in zip(trials, asked, strict=True):
            _tell(study, trial, found[point.name], max_drop)
    return list(found.values())


def best_point(found: Sequence[PointResult], max_drop: float) -> PointResult | None:
    """Return the smallest file within the drop; of several the one that the front would hold."""
    fine = [one for one in found if (drop := drop_of(one)) is not None and drop <= max_drop]
    return min(fine, key=_merit, default=None)


def _merit(found: PointResult) -> tuple[Any, ...]:
    outputs = (found.measured or {}).get("outputs") or {}
    errors = (one["mean_abs_error"] or 0.0 for one in outputs.values())
    return found.bytes, drop_of(found), max(errors, default=0.0)


def drop_of(found: PointResult) -> float | None:
    """Return by how much the metric drops; None where that is not known."""
    metric = (found.measured or {}).get("metric") or {}
    drop: float | None = None if found.error else metric.get("drop")
    return drop


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if axis.interval is not None:
        return IntDistribution(*axis.interval)
    # By position: values may be lists, which Optuna has no categories for.
    return CategoricalDistribution(range(len(axis.values)))


def _chosen(axes: Sequence[Axis], params: dict[str, int]) -> dict[str, Any]:
    return {
        axis.key: params[axis.key] if axis.interval else axis.values[params[axis.key]]
        for axis in axes
    }


def _tell(study: Any, trial: Any, found: PointResult, max_drop: float) -> None:
    drop = drop_of(found)
    # A point without a file is worse than any with one.
    trial.set_constraint("drop", 1e9 if drop is None else drop - max_drop)
    study.tell(trial, float(found.bytes) if found.file else 1e15)


def _drawn(axis: Axis, source: random.Random) -> Any:
    if axis.interval is not None:
        return source.randint(*axis.interval)
    return axis.values[source.randrange(len(axis.values))]
