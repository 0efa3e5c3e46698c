"""Try the points of one sweep of conf/sweeps.yaml: `python -m stages.sweep default`."""

from __future__ import annotations

import sys
from pathlib import Path

from stages.run import parameters, run
from stages.schema.sweep import Sweep
from stages.sweeping.progress import Progress
from stages.sweeping.result import sweep
from stages.sweeping.shown import show


def main() -> None:
    """Write build/sweep/NAME/ and show the front."""
    name = sys.argv[1]
    out = Path("build/sweep") / name
    show(sweep(parameters(Sweep, "sweep", name), out, Progress()), out)


if __name__ == "__main__":
    run(main, "stages.sweep")
