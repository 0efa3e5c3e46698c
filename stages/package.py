"""Collect the release: variants, manifest, evidence.

    python -m stages.package

Reads what the stages before it wrote.
Writes build/package/. Nothing in it depends on the time, the commit or the machine.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Collect the release."""
    from litemill.release import package

    package.run(build=Path("build"), out=Path("build/package"))


if __name__ == "__main__":
    run_stage(main)
