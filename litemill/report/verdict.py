"""The verdicts of a report in words: one sentence of all, one line for every failed check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.core.errors import LitemillError
from litemill.core.files import read_json
from litemill.report.sentences import loss_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THOUSAND = 1000


@dataclass(frozen=True)
class FailedCheck:
    """A check that a variant failed.

    Attributes:
        variant: its name.
        check: its name.
        text: what was measured against the limit: `found 12 dB; expected at least 20`.
        margin: distance to the limit, below 0; None where the check has no number.
    """

    variant: str
    check: str
    text: str
    margin: float | None = None

    @property
    def place(self) -> str:
        """Variant and check: `int8.snr_db`."""
        return f"{self.variant}.{self.check}"

    def __str__(self) -> str:
        """Return the line that the gate prints: `int8.snr_db: found 12 dB; ...`."""
        return f"{self.place}: {self.text}"


def read_report(path: Path) -> dict[str, Any]:
    """Read a report.json.

    Raises:
        LitemillError: it is missing, damaged or no report.
    """
    report = read_json(path)
    if not isinstance(report, dict) or not report.get("variants"):
        raise LitemillError(path, "not a report", "rebuild it with `dvc repro report`")
    return report


def report_title(report: dict[str, Any]) -> str:
    """Return name and version of the release."""
    return f"{report['title']} {report.get('version') or ''}".strip()


def metric_name(report: dict[str, Any]) -> str:
    """Return the name of the task's metric; `metric` where the task has none."""
    return str((report.get("metric") or {"name": "metric"})["name"])


def short_number(value: float) -> str:
    """Write three digits, and no exponent for large numbers: 0.0272, 11, 3,600."""
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}"


def headline(report: dict[str, Any]) -> str:
    """Write in one sentence how many variants pass."""
    total = len(report["variants"])
    failed = sum(not row["passed"] for row in report["variants"])
    checks = len(failed_checks(report))
    if failed:
        return f"{failed} of {_count(total, 'variant')} failed, by {_count(checks, 'check')}."
    return f"All {total} variants passed." if total > 1 else "The variant passed."


def failed_checks(report: dict[str, Any]) -> list[FailedCheck]:
    """Return every failed check of every variant, in the order of the report."""
    return [
        FailedCheck(row["variant"], name, outcome["message"], outcome["margin"])
        for row in report["variants"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"]
    ]


def improvements(report: dict[str, Any]) -> list[str]:
    """Name the command that may mend a variant, for each that it is likely to."""
    names = [row["variant"] for row in report["variants"] if row.get("improvable")]
    return [f"`litemill improve {name}` looks for options that meet the limits" for name in names]


def table_notes(report: dict[str, Any]) -> list[str]:
    """Return what a table does not show: what is lost, the worst class, kernels, advice."""
    return [
        f"{row['variant']}: {note}" for row in report["variants"] for note in _notes(row, report)
    ]


def _notes(row: dict[str, Any], report: dict[str, Any]) -> Iterator[str]:
    metric = metric_name(report)
    if row["interval"] and any(row["interval"]["drop"]):
        yield loss_sentence(row, report)
    if worst := row["worst_class"]:
        samples = _count(worst["samples"], "sample")
        yield f"class {worst['class']} loses most: {worst['drop']:.3g} of {metric}, on {samples}"
    for kernels, count in (row["flips"] or {}).items():
        if count:
            yield f"{_count(count, 'prediction')} change with the kernels {kernels!r}"
    yield from row["advice"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
