"""Compare every measurement with its limit, as a table, a page and files.

    python -m stages.report

Reads build/validate, build/compile, build/prepare, measured/ and released.json.
Writes build/report/. It never fails on a verdict: the gate does.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Report on the variants."""
    from litemill.report import assemble

    assemble.run(
        prepared=Path("build/prepare"),
        measurements=Path("build/validate"),
        compiled=Path("build/compile"),
        benchmarks=Path("measured"),
        released=Path("released.json"),
        out=Path("build/report"),
    )


if __name__ == "__main__":
    run_stage(main)
