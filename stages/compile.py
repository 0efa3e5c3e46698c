"""Compile the variants that run on an NPU.

    python -m stages.compile

Reads build/convert and build/validate.
Writes build/compile/<variant>/model.tflite and record.json, for targets with a compiler.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Compile for NPUs."""
    from litemill.targets import compile as compile_stage

    compile_stage.run(
        converted=Path("build/convert"),
        measurements=Path("build/validate"),
        out=Path("build/compile"),
    )


if __name__ == "__main__":
    run_stage(main)
