"""Try the conversions of one sweep of conf/sweep/.

    python -m stages.sweep default

Reads build/export, build/train, build/prepare and measured/.
Writes build/sweep/<sweep>/.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main(sweep: str) -> None:
    """Try one sweep."""
    from litemill.sweep import stage

    stage.run(sweep, out=Path("build/sweep") / sweep)


if __name__ == "__main__":
    run_stage(main)
