"""Results of `litemill benchmark`: what measured/<machine>.json tells of the variants of a report.

They are inputs, not build products: they differ on every machine and in every run, so they are
committed, and a report that shows them follows from its commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import DataError
from litemill.core.files import read_json

if TYPE_CHECKING:
    from pathlib import Path

PERCENTILES = ("p50", "p90", "p99", "min")
Machines = dict[str, dict[str, Any]]


def read_latencies(folder: Path) -> Machines:
    """Give the results by machine; an empty or absent folder is none.

    Raises:
        DataError: a file is no such result.
    """
    found: Machines = {}
    for path in sorted(folder.glob("*.json")):
        one = read_json(path)
        try:
            for result in one["variants"].values():
                _look(result)
            found[path.stem] = {"machine": dict(one["machine"]), "variants": one["variants"]}
        except (TypeError, KeyError, IndexError, AttributeError, ValueError):
            told = "expected what `litemill benchmark` writes"
            raise DataError(path, "not a result of a benchmark", told) from None
    return found


def _look(result: dict[str, Any]) -> None:
    """Touch every value that is read later; the file may come from anywhere."""
    digest: str = result["sha256"]
    if result["error"]:
        return
    _ = digest.lower(), result["threads"][0], result.get("unprofiled")
    for run in result["threads"]:
        numbers = [run["threads"], run["per_second"], run["startup_ms"], run["peak_kib"] or 0]
        _ = [0.0 + n for n in (*numbers, *(run["latency_ms"][key] for key in PERCENTILES))]
    _ = [(one["name"] + one["by"], 0.0 + one["share"]) for one in result["operators"]]


def latencies_of(machines: Machines, variant: str, sha256: str) -> dict[str, dict[str, Any]]:
    """Give the results of one variant by machine.

    Args:
        machines: what `read` gave.
        variant: its name.
        sha256: of its file now. A result for other bytes is kept, and is not `current`.

    Returns:
        By machine: `current`, `threads` as measured, `operators`, and the rest of the result. A
        variant that did not run there is left out.
    """
    return {
        name: {**one["variants"][variant], "current": one["variants"][variant]["sha256"] == sha256}
        for name, one in machines.items()
        if variant in one["variants"] and not one["variants"][variant]["error"]
    }
