"""Try the points of one sweep of conf/sweeps.yaml: `python -m stages sweep default`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import LitemillError
from stages.run import parameters
from stages.schema.sweep import Sweep
from stages.schema.validate import Validate
from stages.sweeping.progress import Progress
from stages.sweeping.result import sweep
from stages.sweeping.shown import show
from stages.watched import refuse_unwatched

if TYPE_CHECKING:
    from collections.abc import Mapping


def main(name: str) -> None:
    """Write build/sweep/NAME/ and show the front."""
    if metric := parameters(Validate, "validate").metric:
        refuse_unwatched("sweep", [("data.metric.score", metric.score)])
    out = Path("build/sweep") / name
    told = sweep(parameters(Sweep, "sweep", name), out, Progress())
    show(told, out)
    refuse_unsettled(name, told)


def refuse_unsettled(name: str, told: Mapping[str, Any]) -> None:
    """Refuse a result that DVC must not take for the sweep's: it would never run it again.

    Raises:
        LitemillError: no point is done, or some failed for what may have been the machine's.
    """
    place, count = f"sweep {name}", len(told["points"])
    if not told["counts"]["done"]:
        raise LitemillError(place, f"none of {count} points is done", "their errors stand above")
    if again := told["again"]:
        found = f"{len(again)} of {count} points failed, perhaps by the machine's fault"
        expected = f"`dvc repro sweep` tries again; or take {again[0]} out of its conf/sweep/ file"
        raise LitemillError(place, found, expected)
