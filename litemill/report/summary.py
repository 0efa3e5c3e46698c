"""The table of variants for the terminal, a pull request and a spreadsheet.

Every function takes the report as build/report/report.json holds it.
"""

from __future__ import annotations

import csv
import io
import re
from typing import IO, TYPE_CHECKING, Any, Literal

from litemill.report.columns import columns
from litemill.report.highlights import highlights
from litemill.report.next_steps import next_steps
from litemill.report.release_diff import NUMBERS
from litemill.report.sentences import decision
from litemill.report.verdict import (
    failed_checks,
    headline,
    metric_name,
    report_title,
    short_number,
    table_notes,
)

if TYPE_CHECKING:
    from rich.table import Table

    from litemill.report.column import Column

Row = dict[str, Any]
PIPE_WIDTH = 160  # of a table that goes into a file or a pipe


def report_csv(report: dict[str, Any]) -> str:
    """Return a line for each variant, with numbers as measured; absent ones are empty."""
    written = [column for column in columns(report) if column.in_csv]
    rows = [[column.value(row) for column in written] for row in report["variants"]]
    return format_csv([column.key for column in written], rows)


def format_csv(header: list[str], rows: list[list[Any]]) -> str:
    """Return CSV with line feeds on every platform."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def report_markdown(report: dict[str, Any]) -> str:
    """Return verdict, highlights, table and failed checks as GitHub's Markdown."""
    shown = _titled(report)
    lines = [
        f"## {_escape(report_title(report))}: {'passed' if report['passed'] else 'failed'}",
        "",
        f"**{_escape(headline(report))}** {_escape(decision(report))}".rstrip(),
        "",
        _escape(basis_text(report)),
        "",
        *(f"- {_escape(h.title)}: **{_escape(h.answer)}** ({_escape(h.note)})"
          for h in highlights(report)),
        "",
        _table_line([column.title for column in shown]),
        f"| {' | '.join('---:' if column.number else '---' for column in shown)} |",
        *(_table_line([column.cell(row) for column in shown]) for row in report["variants"]),
    ]  # fmt: skip
    lists = {
        "Failed checks:": _failed_lines(report),
        "Notes:": table_notes(report),
        _escape(_since(report)): release_changes_text(report),
    }
    for title, items in lists.items():
        lines += ["", title, "", *(f"- {_escape(item)}" for item in items)] if items else []
    lines += ["", "What to do next:", ""]
    lines += [
        f"- {_escape(step.text)}{f' `{step.command}`' if step.command else ''}"
        for step in next_steps(report)
    ]
    return "\n".join(lines) + "\n"


def basis_text(report: dict[str, Any]) -> str:
    """Write on how many samples the numbers were measured, and which direction is better."""
    samples = f"Measured on {report['samples']} evaluation samples"
    if not report["metric"]:
        known = " No task metric: checks compare outputs with the source model's only."
        return f"{samples}.{known}{_fewer_samples(report)}"
    better = "lower" if report["metric"]["goal"] == "minimize" else "higher"
    name = report["metric"]["name"]
    source = next(
        (r["source_metric"] for r in report["variants"] if r["source_metric"] is not None), None
    )
    known = "" if source is None else f" The source model's is {source:.4g}."
    return f"{samples}; {better} {name} is better.{known}{_fewer_samples(report)}"


def _fewer_samples(report: dict[str, Any]) -> str:
    """Say how many samples slow sets of kernels answered, where these are fewer."""
    counts: dict[str, set[int]] = {}
    for row in report["variants"]:
        for name, run in row["kernels"].items():
            if run["error"] is None and 0 < (run["samples"] or 0) < report["samples"]:
                counts.setdefault(name, set()).add(run["samples"])
    texts = [f"{n} {' to '.join(map(str, sorted({min(c), max(c)})))}" for n, c in counts.items()]
    return f" Slow kernels answered fewer of them: {', '.join(texts)}." if texts else ""


def print_report(report: dict[str, Any], file: IO[str] | None = None) -> None:
    """Print the table; in colour on a terminal only, and not where NO_COLOR is set.

    Args:
        report: the report.
        file: where to print; None is standard output.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(Text(f"{report_title(report)}: "), end="")
    console.print(Text(headline(report), "bold green" if report["passed"] else "bold red"))
    for line in _failed_lines(report):
        console.print(Text(f"  {line}"))
    console.print(_rich_table(report, console.width, lines=console.is_terminal), soft_wrap=False)
    for highlight in highlights(report):
        answer = Text(highlight.answer, "bold")
        console.print(Text(f"{highlight.title}: "), answer, Text(f" ({highlight.note})"), sep="")
    for line in release_changes_text(report):
        console.print(Text(f"{_since(report)} {line}"))
    console.print(Text(basis_text(report), "dim"))
    for line in table_notes(report):
        console.print(Text(f"  {line}", "dim"))
    for step in next_steps(report):
        console.print(Text(f"Next: {step.text}"), Text(step.command, "bold"))


def release_changes_text(report: dict[str, Any]) -> list[str]:
    """Return a line for each variant whose bytes or numbers changed since the last release."""
    since = report.get("since") or {"metric": None, "variants": []}
    metric = metric_name(report)
    changes = {entry["variant"]: _change_text(entry, metric) for entry in since["variants"]}
    first = [f"the metric is {metric}, it was {since['metric']}"] if since["metric"] else []
    return first + [f"{variant}: {text}" for variant, text in changes.items() if text]


def _change_text(entry: Row, metric: str) -> str:
    """Write what changed in a variant; empty where nothing did."""
    if entry["change"] in {"added", "gone"}:
        return str(entry["change"])
    pairs = [
        f"{metric if key == 'metric' else key} {before} -> {after}"
        for key in NUMBERS
        if (before := _number(entry["before"][key])) != (after := _number(entry["after"][key]))
    ]
    if entry["change"] == "same":
        return ", ".join(["same bytes", *pairs]) if pairs else ""
    return ", ".join(pairs) or "other bytes, same numbers"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _since(report: dict[str, Any]) -> str:
    return f"Since {(report.get('since') or {}).get('release')}:"


def _titled(report: dict[str, Any]) -> list[Column]:
    return [column for column in columns(report) if column.title]


def _rich_table(report: dict[str, Any], width: int, *, lines: bool = True) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = _fit_columns(_titled(report), report["variants"], width, lines=lines)
    table = Table(box=box.SIMPLE_HEAD)
    for column in shown:
        side: Literal["left", "right"] = "right" if column.number else "left"
        wraps = lines and _wraps(column)
        table.add_column(Text(column.title), justify=side, overflow="fold", no_wrap=not wraps)
    for row in report["variants"]:
        style = "green" if row["passed"] else "bold red"
        table.add_row(*(Text(c.cell(row), style if c.key == "passed" else "") for c in shown))
    return table


def _wraps(column: Column) -> bool:
    return column.key == "closest_limit"


def _fit_columns(shown: list[Column], rows: list[Row], width: int, *, lines: bool) -> list[Column]:
    """Drop columns of the lowest priority until the table fits; two always stay.

    Where a row may take several `lines`, as in a terminal, the closest limit stays as well.
    """
    while shown[2:] and sum(_width(c, rows, lines=lines) for c in shown) >= width:
        least = min(shown, key=lambda c: 0 if _wraps(c) and not lines else c.priority)
        shown = [column for column in shown if column is not least]
    return shown


def _width(column: Column, rows: list[Row], *, lines: bool) -> int:
    """Return the least width of a column; the closest limit may take two lines."""
    texts = [column.title, *map(column.cell, rows)]
    if not (lines and _wraps(column)):
        return max(map(len, texts)) + 3
    words = [word for text in texts for word in text.split()]
    return max(*map(len, words), max(map(len, texts)) // 2 + 2) + 3


def _failed_lines(report: dict[str, Any]) -> list[str]:
    return [
        str(check) if check.margin is None else f"{check} (margin {short_number(check.margin)})"
        for check in failed_checks(report)
    ]


def _table_line(cells: list[str]) -> str:
    return f"| {' | '.join(_escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    """Escape Markdown: names are not ours."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))
