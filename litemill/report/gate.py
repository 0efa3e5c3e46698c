"""Let a release through, or stop the build and name every failed check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.core.errors import ErrorGroup, GateError
from litemill.core.files import remove, write_json
from litemill.report.verdict import failed_checks, improvements, read_report

if TYPE_CHECKING:
    from pathlib import Path

KEEP = "`dvc exp run ... report` keeps an experiment whose checks fail"


def run(*, report: Path, out: Path, package: Path) -> None:
    """Write the verdict of a report that passed; remove the package of one that failed.

    A verdict of a failed report is written nowhere: it would be in no lock, where `dvc checkout`
    refuses to replace it. The report holds every check.

    Args:
        report: report.json.
        out: verdict.json: `passed`, by variant and over all.
        package: the release of the build before, which the variants no longer belong to.

    Raises:
        LitemillError: the file is no report.
        ErrorGroup: a GateError for every failed check, and one for the package.
    """
    judged = read_report(report)
    if failures := [GateError(check.place, check.text) for check in failed_checks(judged)]:
        remove(out)
        remove(package)
        cures = "; ".join([*improvements(judged), KEEP])
        removed = GateError(package, "removed, there is no release", cures)
        raise ErrorGroup([*failures, removed])
    variants = {row["variant"]: row["passed"] for row in judged["variants"]}
    write_json(out, {"passed": judged["passed"], "variants": variants, "failed": []})
