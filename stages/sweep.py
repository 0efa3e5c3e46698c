"""Try the points of the sweep that params.yaml chooses, if any: `python -m stages.sweep`."""

from __future__ import annotations

from pathlib import Path

from stages.files import keep_only, write_json
from stages.run import parameters, run, section
from stages.schema.sweep import Sweep
from stages.sweeping.progress import Progress
from stages.sweeping.result import sweep
from stages.sweeping.shown import show

OUT = Path("build/sweep")


def main() -> None:
    """Write build/sweep/; without a sweep, what says so."""
    if section("sweep") is None:
        write_json(OUT / "sweep.json", {"asked": None, "points": []})
        keep_only(OUT, {"sweep.json"})
        print(
            "sweep: none is chosen; `sweep: default` in params.yaml chooses conf/sweep/default.yaml"
        )
        return
    show(sweep(parameters(Sweep, "sweep"), OUT, Progress()), OUT)


if __name__ == "__main__":
    run(main, "stages.sweep")
