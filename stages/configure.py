"""Compose conf/ and params.yaml, and check everything once.

    python -m stages.configure

Reads conf/, params.yaml, requirements.lock and the code that stages run.
Writes build/params.json, the resolved parameters, and build/code.json, the digests of the code.
"""

from __future__ import annotations

from pathlib import Path

from litemill.pipeline.stage_runner import run_stage


def main() -> None:
    """Write what the other stages depend on."""
    from litemill.pipeline import configure

    configure.run(params=Path("build/params.json"), code=Path("build/code.json"))


if __name__ == "__main__":
    run_stage(main)
