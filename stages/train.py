"""Build the model and fit it on the train split, or import a trained one.

    python -m stages.train

Reads build/prepare/train and the model's code or file.
Writes build/train/: model.keras, imported/, history.csv, metrics.json, portability.json.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Train the model; what a later stage would refuse is refused before."""
    from litemill.pipeline import preflight
    from litemill.training import fit

    preflight.refuse_missing_calibration(Path("build/prepare/data.json"))
    fit.run(samples=Path("build/prepare/train"), out=Path("build/train"))


if __name__ == "__main__":
    run_stage(main)
