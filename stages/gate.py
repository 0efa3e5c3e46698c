"""Fail the build when a check failed, and name every one.

    python -m stages.gate

Reads build/report/report.json.
Writes build/gate/verdict.json; removes build/package when a check failed.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Judge the report."""
    from litemill.report import gate

    gate.run(
        report=Path("build/report/report.json"),
        out=Path("build/gate/verdict.json"),
        package=Path("build/package"),
    )


if __name__ == "__main__":
    run_stage(main)
