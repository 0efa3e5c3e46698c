"""Write the SavedModel and its answers on the evaluation samples.

    python -m stages.export

Reads build/train and build/prepare/evaluation.
Writes build/export/: saved_model/, signature.json, reference/, float/, signatures/.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Export the model."""
    from litemill.conversion import export

    export.run(
        trained=Path("build/train"),
        evaluation=Path("build/prepare/evaluation"),
        out=Path("build/export"),
    )


if __name__ == "__main__":
    run_stage(main)
