"""One table of columns, which every format and the documentation read."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys

import pytest
from project import ROOT
from verdicts import broken, measured, metric

from litemill.report.assemble import assemble_report
from litemill.report.columns import columns
from litemill.report.page import page_html
from litemill.report.summary import print_report, report_csv, report_markdown

RUN = {
    "threads": 1, "per_second": 500.0, "startup_ms": 3.0, "peak_kib": None,
    "latency_ms": {"p50": 2.0, "p90": 2.1, "p99": 2.4, "min": 1.9},
}  # fmt: skip
PAGE = "docs/extending/report_column.md"
# Adds the column that the page shows where it says, and prints a report in every format.
PROGRAM = """\
import io, json, sys
from verdicts import measured
from litemill.report.assemble import assemble_report
from litemill.report.page import page_html
from litemill.report.summary import print_report, report_csv, report_markdown
report, terminal = assemble_report([measured()], {}, "Digits"), io.StringIO()
print_report(report, terminal)
formats = report_csv(report), terminal.getvalue(), report_markdown(report), page_html(report)
json.dump(formats, sys.stdout)
"""


@pytest.fixture(scope="module")
def report():
    """A report with every column."""
    ends = {"source": [0.97, 1.0], "variant": [0.96, 0.99], "drop": [-0.001, 0.01]}
    result = {"sha256": measured("float32")["sha256"], "error": None, "threads": [RUN],
              "operators": [], "unprofiled": None}  # fmt: skip
    machines = {"board": {"machine": {}, "variants": {"float32": result}}}
    judged = measured(
        "float32", metric={**metric(0.9889, 0.9861), "interval": ends, "confidence": 0.95}
    )
    return assemble_report([judged, broken()], {}, "Digits", machines=machines)


def test_every_format_has_every_column(report):
    """But those without a heading, which only CSV has."""
    titles = [column.title for column in columns(report) if column.title]
    terminal = io.StringIO()
    print_report(report, terminal)
    [heads] = re.findall(r"^\| variant .*$", report_markdown(report), re.MULTILINE)

    assert titles == heads.strip("| ").split(" | ")
    assert [] == [title for title in titles if title not in terminal.getvalue()]
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page_html(report).lower())
    shown = {title for head in heads for title in head.split(", ")}
    assert [] == [title for title in titles if title.lower() not in shown]
    keys = [column.key for column in columns(report) if column.in_csv]
    assert keys == next(csv.reader(io.StringIO(report_csv(report))))


def test_csv_holds_numbers_as_measured(report):
    """Latencies in milliseconds, whatever the unit of the table is."""
    first, second = csv.DictReader(io.StringIO(report_csv(report)))

    assert ("0.96", "0.99", "2.0") == tuple(
        first[key] for key in ("metric_low", "metric_high", "board_p50_ms")
    )
    assert ("", "node 3 has no kernel") == (second["metric"], second["error"])


def test_the_documentation_lists_every_column(report):
    """docs/report.md, as the table of columns describes them."""
    lines = [
        f"| {column.title} | {f'`{column.key}`' if column.in_csv else ''} | {column.about} |"
        for column in columns(report)
    ]
    page = (ROOT / "docs/report.md").read_text(encoding="utf-8")

    missing = [line for line in lines if line not in page]
    assert [] == missing, "add to docs/report.md:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("drop", "text"), [(0.0028, "0.0028"), (0.05, "0.0500"), (0.0, "0"), (0.00003, "3e-05")]
)
def test_shares_have_four_decimals_unless_they_would_be_zeros(drop, text):
    """They stand below each other."""
    report = assemble_report([measured(metric={**metric(0.9, 0.9), "drop": drop})], {}, "Digits")
    (column,) = (column for column in columns(report) if column.key == "drop")

    assert text == column.cell(report["variants"][0])


def test_a_column_is_added_in_one_place(tree):
    """The entry that the page on extending shows is in every format."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    [(file, before, entry)] = re.findall(
        r"```python\n# (\S+), before (\S+)\n(.*?)```", page, re.DOTALL
    )
    text = (tree / file).read_text(encoding="utf-8")
    assert 1 == text.count(before)
    (tree / file).write_text(text.replace(before, entry.strip() + "\n        " + before))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tree,
        env={"PYTHONPATH": f"{tree}:{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    for text in json.loads(done.stdout):
        assert "output count" in text.replace("_", " ")
