"""The course of a sweep: what is there is taken, what is not is computed, all of it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from litemill.core.errors import LitemillError
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from litemill.sweep.inputs import SweepInputs
    from litemill.sweep.points import Point
    from litemill.sweep.store import Store


class Engine(Protocol):
    """Whatever computes points."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Compute tasks, and give each outcome as soon as it is there."""


@dataclass(frozen=True)
class PointResult:
    """A point and what became of it."""

    point: Point
    file: dict[str, Any] | None = None  # {"sha256", "bytes", "kind"}
    measured: dict[str, Any] | None = None
    error: str | None = None  # why there is no file, or no measurement of it
    lasting: bool = True  # whether another try would have the same error

    @property
    def bytes(self) -> int:
        """The file's size; 0 where there is none."""
        return int(self.file["bytes"]) if self.file else 0

    @property
    def digest(self) -> str | None:
        """The file's SHA-256."""
        return self.file["sha256"] if self.file else None

    @property
    def status(self) -> str:
        """Done, failed, or refused before anything was tried."""
        if self.point.refused:
            return "refused"
        return "failed" if self.error else "done"


def measurement_kind(*, deep: bool) -> str:
    """Name the kind of measurements in a store."""
    return "judged" if deep else "measured"


@dataclass
class Executor:
    """Points computed at most once: by this sweep or any before it."""

    inputs: SweepInputs
    store: Store
    engine: Engine
    # Called with a found point, and whether it was computed just now.
    tell: Callable[[PointResult, bool], None] = lambda found, fresh: None  # noqa: ARG005
    deep: bool = False  # whether points are measured as variants are
    # What another sweep tries again, by point.
    _failed: dict[str, PointResult] = field(default_factory=dict)

    def over(self, points: Sequence[Point]) -> list[PointResult]:
        """Return what became of each point, in their order."""
        found: dict[str, PointResult] = {}
        missing: dict[str, Point] = {}
        for point in points:
            known = self._known(point)
            if known is None:
                missing[point.name] = point
            else:
                found[point.name] = known
                self.tell(known, False)  # noqa: FBT003
        # A file that took its process down is measured once more, in processes of its own.
        for isolated in (False, True):
            for fresh in self._computed(missing, isolated=isolated):
                found[fresh.point.name] = fresh
                self.tell(fresh, True)  # noqa: FBT003
            missing = {name: point for name, point in missing.items() if name not in found}
        return [found[point.name] for point in points]

    def _computed(self, missing: Mapping[str, Point], *, isolated: bool) -> Iterator[PointResult]:
        """Compute points; those whose file took its process down are given when `isolated`."""
        tasks = (self._task(point, isolated=isolated) for point in missing.values())
        for task, outcome in self.engine.run(tasks) if missing else ():
            point = missing[task.point]
            self._keep(point, outcome)
            if outcome.crashed and outcome.file is not None and not isolated:
                continue
            error = outcome.error or "what was kept of it is gone"
            fresh = self._known(point) or PointResult(point, error=error, lasting=False)
            if not fresh.lasting:
                self._failed[point.name] = fresh
            yield fresh

    def _task(self, point: Point, *, isolated: bool) -> Task:
        """Return what is to be done for a point: its file is not made again where it is kept."""
        task = Task(point.name, point.variant, self.deep, isolated=isolated)
        kept = self.store.get("files", self.inputs.conversion(point.variant))
        content = self.store.content(kept["sha256"]) if kept and "sha256" in kept else None
        return task if content is None else replace(task, file=kept, content=content)

    def _known(self, point: Point) -> PointResult | None:
        if point.refused:
            return PointResult(point, error=point.refused)
        if point.name in self._failed:
            return self._failed[point.name]
        kept = self.store.get("files", self.inputs.conversion(point.variant))
        if kept is None or "error" in kept:
            return None if kept is None else PointResult(point, error=kept["error"])
        key = self.inputs.measurement(kept["sha256"], point.variant)
        measured = self.store.get(measurement_kind(deep=self.deep), key)
        return None if measured is None else PointResult(point, kept, measured, measured["error"])

    def _keep(self, point: Point, outcome: Outcome) -> None:
        """Keep an outcome; the file's record last, for it makes the point a known one."""
        if outcome.full:
            problem = "finished points are kept, and another sweep goes on from them"
            raise LitemillError(f"point {point.name}", str(outcome.error), problem)
        key = self.inputs.conversion(point.variant)
        if outcome.file is None:
            if outcome.lasting:
                self.store.put("files", key, {"error": outcome.error})
            return
        digest = outcome.file["sha256"]
        if outcome.content is not None:
            self.store.keep(digest, outcome.content)
        if outcome.measured is not None:
            measuring = self.inputs.measurement(digest, point.variant)
            self.store.put(measurement_kind(deep=self.deep), measuring, outcome.measured)
        self.store.put("files", key, outcome.file)
