"""Convert the source model to one variant, and read the file back.

    python -m stages.convert int8

Reads build/export, build/train and build/prepare/calibration.
Writes build/convert/<variant>/model.tflite and record.json, which tells how it was made.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main(variant: str) -> None:
    """Convert to one variant."""
    from litemill.conversion import convert

    convert.run(
        variant,
        trained=Path("build/train"),
        exported=Path("build/export"),
        calibration=Path("build/prepare/calibration"),
        out=Path("build/convert") / variant,
    )


if __name__ == "__main__":
    run_stage(main)
