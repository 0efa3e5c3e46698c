"""Try the points of one sweep: what `python -m stages.sweep default` calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters
from litemill.config.schema.sweep import Sweep
from litemill.core.errors import LitemillError
from litemill.sweep.progress import Progress
from litemill.sweep.result import run_sweep
from litemill.sweep.summary import print_front

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run(name: str, *, out: Path) -> None:
    """Try the points of the sweep `name` of build/params.json, into `out`, and show the front."""
    result = run_sweep(parameters(Sweep, "sweep", name), out, Progress())
    print_front(result, out)
    check_settled(name, result)


def check_settled(name: str, result: Mapping[str, Any]) -> None:
    """Refuse a result that DVC must not take for the sweep's: it would never run it again.

    Raises:
        LitemillError: no point is done, or some failed for what may have been the machine's.
    """
    place, count = f"sweep {name}", len(result["points"])
    if not result["counts"]["done"]:
        raise LitemillError(place, f"none of {count} points is done", "see their errors above")
    if again := result["again"]:
        found = f"{len(again)} of {count} points failed, perhaps by the machine's fault"
        expected = f"`dvc repro sweep` tries again; or take {again[0]} out of its conf/sweep/ file"
        raise LitemillError(place, found, expected)
