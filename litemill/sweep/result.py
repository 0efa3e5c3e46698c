"""A whole sweep: from what is asked to a folder with the table, the front and the picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config import schema_validation
from litemill.config.parameters import section, to_plain
from litemill.config.schema.sweep import Engine, Search, Sweep
from litemill.config.schema.variant import Variant
from litemill.conversion import grid
from litemill.core import extras
from litemill.core.errors import ConfigError, nearest
from litemill.evaluation import latency_results
from litemill.runtime.progress import OFF
from litemill.sweep import plot, search, table
from litemill.sweep.executor import Executor
from litemill.sweep.inputs import SweepInputs, read_inputs
from litemill.sweep.local import Local
from litemill.sweep.points import Space
from litemill.sweep.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litemill.conversion.grid_override import Axis
    from litemill.sweep.executor import PointResult
    from litemill.sweep.points import Point
    from litemill.sweep.progress import Progress

BUILD = Path("build")
MEASURED = Path("measured")
# Settings that say how a result is come by, not which.
HOW = ("engine", "address", "workers", "timeout_seconds", "limit")


def run_sweep(asked: Sweep, out: Path, progress: Progress) -> dict[str, Any]:
    """Compute what is missing and write sweep.csv, sweep.json and index.html into a folder.

    Where the extra `parquet` is installed, sweep.parquet as well.

    Args:
        asked: the sweep.
        out: the folder to write to; nothing there changes before all points are done.
        progress: is updated with each point.

    Returns:
        What sweep.json has, and as "again" the points that another try may make.

    Raises:
        LitemillError: the build is not there, or the engine is not.
        OSError: a full disk, say; points that are done are kept.
    """
    base = schema_validation.typed(asked.base["options"], Variant)
    given = read_inputs(BUILD)
    space = Space(base, grid.parse_grid(asked.grid, "grid"), given.objection)
    if asked.search is Search.smallest:
        extras.require("optuna", "search=smallest")
        if not section("validate").get("metric"):
            found = "smallest, and the task has no metric that could drop"
            raise ConfigError("search", found, "expected one of: grid, random")
    times = latencies(asked.machine)
    store = Store()
    os.environ[OFF] = "0"  # of the points' own work: this progress counts points
    with progress, _engine(asked, given, store) as engine:
        course = Executor(given, store, engine, progress.tell)
        every = _results(asked, space, course, progress)
    made = table.table_rows(every, times)
    result = table.summary(made, every, _asked(asked, space.axes))
    if asked.search is Search.smallest:
        best = search.best_point(every, asked.max_drop)
        result["winner"] = best.point.name if best else None
    table.write_tables(out, made, result)
    plot.write_plot(out / "index.html", result)
    return result | {"again": [one.point.name for one in every if not one.lasting]}


def latencies(machine: str | None) -> Mapping[str, float]:
    """Return milliseconds (p50) by the SHA-256 of each file that a machine has measured.

    Raises:
        ConfigError: it has measured nothing.
        DataError: a file in measured/ is no result of a benchmark.
    """
    if machine is None:
        return {}
    results = latency_results.read_latencies(MEASURED)
    if machine not in results:
        problem = f"no {MEASURED}/{machine}.json"
        wanted = nearest(machine, results) if results else "`litemill benchmark` writes such files"
        raise ConfigError("sweep.machine", problem, wanted)
    return {
        one["sha256"]: one["threads"][0]["latency_ms"]["p50"]
        for one in results[machine]["variants"].values()
        if not one["error"]
    }


def _asked(asked: Sweep, axes: Sequence[Axis]) -> dict[str, Any]:
    settings = {key: value for key, value in to_plain(asked).items() if key not in HOW}
    if asked.search is Search.grid:
        settings = {key: settings[key] for key in ("base", "grid", "search")}
    return settings | {"options": [axis.key for axis in axes], "points": grid.combinations(axes)}


def _results(asked: Sweep, space: Space, course: Executor, progress: Progress) -> list[PointResult]:
    chosen = _chosen(asked, space)
    if chosen is not None:
        progress.expect(search.makeable(chosen))
        return course.over(chosen)
    progress.expect(asked.budget)
    bounds: dict[str, Any] = {"budget": asked.budget, "seed": asked.seed}
    return search.smallest_search(space, course.over, max_drop=asked.max_drop, **bounds)


def _chosen(asked: Sweep, space: Space) -> list[Point] | None:
    """Return the points; None where it takes the results of some to choose others."""
    if asked.search is Search.grid:
        return space.points()
    if asked.search is Search.random:
        return search.random_search(space, budget=asked.budget, seed=asked.seed)
    return search.exhaustive_search(space, budget=asked.budget)


def _engine(asked: Sweep, given: SweepInputs, store: Store) -> Any:
    """Return the engine, which starts when there is something to compute; often there is not."""
    bounds: dict[str, Any] = {"workers": asked.workers, "seconds": asked.timeout_seconds}
    if asked.engine is Engine.ray:
        from litemill.sweep.cluster import Cluster

        return Cluster(given, asked.address, **bounds)

    def known(file: str, variant: Variant) -> bool:
        return store.get("measured", given.measurement(file, variant)) is not None

    return Local(given.build, known, **bounds)
