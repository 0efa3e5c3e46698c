"""Read results of `litemill benchmark`: what measured/<machine>.json has about the variants.

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
    """Read the results by machine; an empty or absent folder has none.

    Raises:
        DataError: a file is no such result.
    """
    machines: Machines = {}
    for path in sorted(folder.glob("*.json")):
        results = read_json(path)
        try:
            for result in results["variants"].values():
                _check_result(result)
            machines[path.stem] = {
                "machine": dict(results["machine"]),
                "variants": results["variants"],
            }
        except (TypeError, KeyError, IndexError, AttributeError, ValueError):
            expected = "expected what `litemill benchmark` writes"
            raise DataError(path, "not a result of a benchmark", expected) from None
    return machines


def _check_result(result: dict[str, Any]) -> None:
    """Touch every value that is read later; the file may come from anywhere."""
    digest: str = result["sha256"]
    if result["error"]:
        return
    _ = digest.lower(), result["threads"][0], result.get("unprofiled")
    for run in result["threads"]:
        numbers = [run["threads"], run["per_second"], run["startup_ms"], run["peak_kib"] or 0]
        _ = [0.0 + n for n in (*numbers, *(run["latency_ms"][key] for key in PERCENTILES))]
    _ = [(row["name"] + row["by"], 0.0 + row["share"]) for row in result["operators"]]


def latencies_of(machines: Machines, variant: str, sha256: str) -> dict[str, dict[str, Any]]:
    """Select the results of one variant by machine.

    Args:
        machines: from `read_latencies`.
        variant: its name.
        sha256: of its file now. A result for other bytes is kept, and is not `current`.

    Returns:
        By machine: `current`, `threads` as measured, `operators`, and the rest of the result. A
        variant that did not run there is left out.
    """
    results = {
        name: machine["variants"][variant]
        for name, machine in machines.items()
        if variant in machine["variants"]
    }
    return {
        name: {**result, "current": result["sha256"] == sha256}
        for name, result in results.items()
        if not result["error"]
    }
