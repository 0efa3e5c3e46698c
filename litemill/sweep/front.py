"""The Pareto front: points that no other point beats in everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A point and what it costs; less is better in each."""

    name: str
    costs: tuple[float, ...]  # such as bytes and drop, as many for each candidate
    tie: float = 0.0  # decides between points of the same costs


def front(candidates: list[Candidate]) -> list[str]:
    """Name the points that no other beats, from the smallest first cost to the largest.

    A point is beaten by one that costs no more in anything and less in something (Pareto
    dominance). Of several points with the very same costs, the one with the lower `tie` stands
    for all; of those, the first.
    """
    kept: list[Candidate] = []
    # After sorting, a point can only be beaten by one that came before it.
    for one in sorted(candidates, key=lambda candidate: (candidate.costs, candidate.tie)):
        if not any(_no_worse(other.costs, one.costs) for other in kept):
            kept.append(one)
    return [one.name for one in kept]


def _no_worse(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(mine <= its for mine, its in zip(one, other, strict=True))
