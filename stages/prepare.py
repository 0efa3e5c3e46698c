"""Split the data set into train, calibration and evaluation samples.

    python -m stages.prepare

Reads data/, as conf/data/ says.
Writes build/prepare/train, calibration, evaluation, and data.json, what is in them.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Prepare the samples."""
    from litemill.data import prepare

    prepare.run(out=Path("build/prepare"))


if __name__ == "__main__":
    run_stage(main)
