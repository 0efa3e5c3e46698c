"""Let a release through, or stop the build and name every failed check: `gate`.

    python -m stages gate

Reads build/report/report.json, writes build/gate/verdict.json, which is truthful either way; the
exit status is 1 when a check failed, so that DVC records no pass and builds no package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litemill.core.errors import ErrorGroup, GateError, LitemillError
from litemill.core.files import read_json, write_json
from litemill.report.verdict import failed_checks

REPORT = Path("build/report/report.json")
OUT = Path("build/gate/verdict.json")


def judge_report(report: dict[str, Any]) -> dict[str, Any]:
    """Give the verdict on a report: `passed`, by variant and over all, and every failed check."""
    return {
        "passed": report["passed"],
        "variants": {row["variant"]: row["passed"] for row in report["variants"]},
        "failed": [str(check) for check in failed_checks(report)],
    }


def run(*, report: Path, out: Path) -> None:
    """Judge the report in the file `report`; raises one GateError for every failed check."""
    told = read_json(report)
    if not isinstance(told, dict) or not told.get("variants"):
        raise LitemillError(report, "not a report", "rebuild it with `dvc repro report`")
    verdict = judge_report(told)
    write_json(out, verdict)
    if not verdict["passed"]:
        raise ErrorGroup([GateError(check.place, check.text) for check in failed_checks(told)])
