"""Options of a sweep: which conversions to try, and where."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Search(enum.Enum):
    """Which points of the space are tried."""

    grid = enum.auto()  # all of them
    random = enum.auto()  # `budget` of them, seeded
    smallest = enum.auto()  # the smallest file within `max_drop`, by Optuna, seeded


class Engine(enum.Enum):
    """Where points are computed."""

    local = enum.auto()  # on the cores of this machine
    ray = enum.auto()  # on a Ray cluster, by address


@dataclass
class Sweeping:
    """Everything but the base."""

    # Options of a variant and their values, in the grammar of Hydra's overrides, such as
    # `calibration.samples=20,50,100`.
    grid: list[str] = field(default_factory=list)
    search: Search = Search.grid
    budget: int = 40  # points that a search tries
    seed: int = 0  # of a search
    max_drop: float = 0.01  # of the metric, in its own unit; for the search `smallest`
    limit: int = 1000  # points that a sweep may have
    engine: Engine = Engine.local
    address: str = "auto"  # of the Ray cluster; auto is the one that runs on this machine
    workers: int | None = None  # points at a time on a machine; null is one a core
    timeout_seconds: float = 600.0  # that a point may take
    machine: str | None = None  # whose latencies in measured/ count; null is nobody's


@dataclass
class SweepChoice(Sweeping):
    """A choice of conf/sweep/."""

    base: str = "float32"  # variant of conf/variant/ that says what the grid does not


@dataclass
class Sweep(Sweeping):
    """What the stage depends on: the base is resolved."""

    base: dict[str, Any] = field(default_factory=dict)  # {"name", "options"}
