"""The table of variants, as the terminal, a pull request and a spreadsheet want it.

Every function takes what `report` wrote into build/report/report.json.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

from litemill.report.highlights import closest_limit, confidence_text, highlights, latencies
from litemill.report.release_diff import NUMBERS
from litemill.report.verdict import failed_checks, headline, table_notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

Row = dict[str, Any]
PIPE_WIDTH = 160  # where nothing tells how wide the reader is
FIELDS = (  # of a row, in the CSV file
    "variant", "passed", "bytes", "size_kb", "share", "metric", "source_metric", "drop",
    "agreement", "snr_db", "exact", "max_abs_error", "error",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        title: its heading.
        cell: what it says of a variant.
        keep: on a narrow terminal, columns of lower numbers go first.
        right: numbers stand to the right.
    """

    title: str
    cell: Callable[[Row], str]
    keep: int
    right: bool = True


def columns(report: dict[str, Any]) -> list[Column]:
    """Give the columns of a report, left to right."""
    metric = (report["metric"] or {"name": "metric"})["name"]
    share = confidence_text(report["variants"])
    return [
        Column("variant", lambda row: str(row["variant"]), 9, right=False),
        Column("KiB", lambda row: _number(row, "size_kb", "{:.1f}"), 7),
        Column(f"of {report['baseline']}", lambda row: _number(row, "share", "{:.0%}"), 3),
        Column(f"source {metric}", lambda row: _number(row, "source_metric"), 1),
        Column(metric, lambda row: _number(row, "metric"), 6),
        *([Column(share, _between, 2)] if share else []),
        Column("drop", lambda row: _number(row, "drop", "{:.3g}"), 5),
        Column("agreement", lambda row: _number(row, "agreement", "{:.2%}"), 2),
        Column("SNR dB", snr, 4),
        *(Column(title, cell, 2) for title, cell in latencies(report)),
        Column("closest limit", _closest, 0, right=False),
        Column("verdict", lambda row: "pass" if row["passed"] else "FAIL", 8, right=False),
    ]


def _between(row: Row) -> str:
    if not row["interval"]:
        return "no run" if row["error"] else "absent"
    low, high = row["interval"]["variant"]
    return f"{low:.3g} to {high:.3g}"


def _closest(row: Row) -> str:
    found = closest_limit(row)
    return " ".join(found).strip() if found else ""


def snr(row: Row) -> str:
    """Say how far noise is below the outputs, in decibels; `exact` is no noise at all."""
    return "exact" if row["exact"] else _number(row, "snr_db", "{:.1f}")


def rows_csv(report: dict[str, Any]) -> str:
    """Give one line a variant, numbers as measured; an empty field is absent."""
    return lines_csv(FIELDS, [[row[name] for name in FIELDS] for row in report["variants"]])


def lines_csv(header: tuple[str, ...], rows: list[list[Any]]) -> str:
    """Give CSV whose lines end in a line feed alone."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def markdown(report: dict[str, Any]) -> str:
    """Give the verdict, what stands out, the table and the failed checks as GitHub's Markdown."""
    shown, told = columns(report), highlights(report)
    lines = [
        f"## {_plain(report['title'])}: {'passed' if report['passed'] else 'failed'}",
        "",
        f"**{_plain(headline(report))}** {_plain(basis_text(report))}",
        "",
        *(f"- {_plain(ask)}: **{_plain(big)}** ({_plain(more)})" for ask, big, more in told),
        "",
        _line([column.title for column in shown]),
        f"| {' | '.join('---:' if column.right else '---' for column in shown)} |",
        *(_line([column.cell(row) for column in shown]) for row in report["variants"]),
    ]
    parts = {
        "Failed checks:": _with_margin(report),
        "To know:": table_notes(report),
        _plain(_since(report)): changes_text(report),
    }
    for title, items in parts.items():
        lines += ["", title, "", *(f"- {_plain(item)}" for item in items)] if items else []
    return "\n".join(lines) + "\n"


def basis_text(report: dict[str, Any]) -> str:
    """Say on what the numbers stand."""
    samples = f"Measured on {report['samples']} evaluation samples"
    if not report["metric"]:
        return f"{samples}. No task metric: variants are held to the source model's answers alone."
    better = "less" if report["metric"]["goal"] == "minimize" else "more"
    return f"{samples}; of {report['metric']['name']}, {better} is better."


def terminal(report: dict[str, Any], file: IO[str] | None = None) -> None:
    """Print the table; in colour on a terminal only, and not where NO_COLOR is set.

    Args:
        report: what `report` wrote.
        file: where to; standard output by default.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(Text(f"{report['title']}: "), end="")
    console.print(Text(headline(report), "bold green" if report["passed"] else "bold red"))
    for line in _with_margin(report):
        console.print(Text(f"  {line}"))
    console.print(_rich_table(report, console.width), soft_wrap=False)
    for ask, big, more in highlights(report):
        console.print(Text(f"{ask}: "), Text(big, "bold"), Text(f" ({more})"), sep="")
    for line in changes_text(report):
        console.print(Text(f"{_since(report)} {line}"))
    console.print(Text(basis_text(report), "dim"))
    for line in table_notes(report):
        console.print(Text(f"  {line}", "dim"))


def changes_text(report: dict[str, Any]) -> list[str]:
    """Give a line for each variant that is not as it was released last, in bytes or in numbers."""
    since = report.get("since") or {"metric": None, "variants": []}
    name = (report.get("metric") or {"name": "metric"})["name"]
    became = {one["variant"]: _became(one, name) for one in since["variants"]}
    other = [f"the metric is {name}, it was {since['metric']}"] if since["metric"] else []
    return other + [f"{variant}: {told}" for variant, told in became.items() if told]


def _became(one: Row, metric: str) -> str:
    """Say what became of a variant; nothing where it is as it was."""
    if one["change"] in {"added", "gone"}:
        return str(one["change"])
    pairs = [
        f"{metric if key == 'metric' else key} {before} -> {after}"
        for key in NUMBERS
        if (before := _told(one["before"][key])) != (after := _told(one["after"][key]))
    ]
    if one["change"] == "same":
        return ", ".join(["same bytes", *pairs]) if pairs else ""
    return ", ".join(pairs) or "other bytes, same numbers"


def _since(report: dict[str, Any]) -> str:
    return f"Since {(report.get('since') or {}).get('release')}:"


def _told(value: float | None) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _rich_table(report: dict[str, Any], width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = _fitting(columns(report), report["variants"], width)
    table = Table(box=box.SIMPLE_HEAD)
    for column in shown:
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(Text(column.title), justify=side, overflow="fold")
    for row in report["variants"]:
        style = "green" if row["passed"] else "bold red"
        table.add_row(*(Text(c.cell(row), style if c.title == "verdict" else "") for c in shown))
    return table


def _fitting(shown: list[Column], rows: list[Row], width: int) -> list[Column]:
    """Leave out the least needed columns until the table fits; two always stay."""
    while shown[2:] and sum(_width(column, rows) for column in shown) >= width:
        least = min(shown, key=lambda column: column.keep)
        shown = [column for column in shown if column is not least]
    return shown


def _width(column: Column, rows: list[Row]) -> int:
    return max(len(text) for text in [column.title, *map(column.cell, rows)]) + 3


def _with_margin(report: dict[str, Any]) -> list[str]:
    return [
        str(check) if check.margin is None else f"{check} (margin {check.margin:.3g})"
        for check in failed_checks(report)
    ]


def _number(row: Row, key: str, form: str = "{:.4g}") -> str:
    if row[key] is not None:
        return form.format(row[key])
    return "no run" if row["error"] else "absent"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Keep a text from being Markdown: names are not ours."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))
