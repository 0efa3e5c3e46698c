"""Run one variant in the interpreter and measure it against the source model.

    python -m stages.validate int8

Reads build/convert/<variant>, build/export and build/prepare/evaluation.
Writes build/validate/<variant>.json. It measures; report and gate judge.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main(variant: str) -> None:
    """Measure one variant."""
    from litemill.evaluation import validate

    validate.run(
        variant,
        converted=Path("build/convert") / variant,
        exported=Path("build/export"),
        evaluation=Path("build/prepare/evaluation"),
        out=Path("build/validate") / f"{variant}.json",
    )


if __name__ == "__main__":
    run_stage(main)
