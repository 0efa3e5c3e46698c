"""The Pareto front: points that no other point beats in everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Candidate:
    """A point and its costs; lower is better in each.

    Attributes:
        name: of the point.
        costs: such as bytes and drop, as many for each candidate.
        tie: decides between points of the same costs.
    """

    name: str
    costs: tuple[float, ...]
    tie: float = 0.0


def pareto_front(candidates: Iterable[Candidate]) -> list[str]:
    """Name the points that no other beats, from the smallest first cost to the largest.

    A point is beaten by another that costs no more in anything and less in something (Pareto
    dominance). Of several points with the very same costs, the one with the lowest `tie` stands
    for all; of those, the first.
    """
    best: list[Candidate] = []
    # After sorting, a point can only be beaten by those before it.
    for candidate in sorted(candidates, key=lambda candidate: (candidate.costs, candidate.tie)):
        if not any(_no_worse(other.costs, candidate.costs) for other in best):
            best.append(candidate)
    return [candidate.name for candidate in best]


def _no_worse(costs: tuple[float, ...], others: tuple[float, ...]) -> bool:
    return all(cost <= other for cost, other in zip(costs, others, strict=True))
