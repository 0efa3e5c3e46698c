"""Build the model and fit it on the train split, or import a trained one.

    python -m stages.train

Reads build/prepare/train and the model's code or file.
Writes build/train/: model.keras, imported/, history.csv, metrics.json, portability.json.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Train the model."""
    from litemill.training import fit

    fit.run(samples=Path("build/prepare/train"), out=Path("build/train"))


if __name__ == "__main__":
    run_stage(main)
