from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from verdicts import broken, measured, output, regression

from litemill.core.files import tree_files, tree_sha256
from litemill.data.dataset import Column
from litemill.data.samples import write_split
from litemill.report import summary
from litemill.report.assemble import assemble_report, write_report

ROOT = Path(__file__).parents[2]
LIMITS = {"snr_db": 20, "metric_drop_relative": 0.02, "top1_agreement": 0.98}
VOID = {"meta", "line", "circle", "path", "rect"}


def judge(*measurements, title="Digits", limits=LIMITS):
    """Judge measurements against the same limits."""
    return assemble_report(
        list(measurements), {one["variant"]: limits for one in measurements}, title
    )


def text(report):
    """Print the terminal table into a pipe."""
    file = io.StringIO()
    summary.print_report(report, file)
    return file.getvalue()


class Page(HTMLParser):
    """Collects tags, and fails when they do not nest."""

    def __init__(self):
        """Start at the root."""
        super().__init__()
        self.open, self.seen, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        """Open an element."""
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the innermost element."""
        if tag in VOID:
            return
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep the text."""
        self.words.append(data)


def page(tmp_path, report):
    """Write a report and parse its page."""
    write_report(report, tmp_path / "report")
    parsed = Page()
    parsed.feed((tmp_path / "report" / "index.html").read_text(encoding="utf-8"))
    assert not parsed.open
    return parsed


def test_report_passes_when_every_check_of_every_variant_does():
    """The verdict of the release is that of all its variants."""
    good, bad = measured("float32"), measured("int8", outputs={"digit": output(snr_db=12.0)})

    assert judge(good)["passed"]
    assert not judge(good, bad)["passed"]
    assert [True, False] == [row["passed"] for row in judge(good, bad)["variants"]]


def test_report_keeps_the_order_of_the_variants():
    """The table reads as params.yaml does."""
    rows = judge(measured("b"), measured("a"), measured("c"))["variants"]

    assert ["b", "a", "c"] == [row["variant"] for row in rows]


def test_report_holds_each_variant_to_its_own_limits():
    """A limit of a variant holds for no other."""
    found = assemble_report(
        [measured("a"), measured("b")], {"a": {"snr_db": 40}, "b": {"snr_db": 20}}, ""
    )

    assert [False, True] == [row["passed"] for row in found["variants"]]


def test_size_is_a_share_of_float32_or_else_of_the_largest():
    """A release without a float32 still has something to compare with."""
    small = measured("int8", bytes=250)

    assert judge(small, measured("float32", bytes=1000))["variants"][0]["share"] == 0.25
    largest = judge(small, measured("float16", bytes=500))
    assert ("largest", 0.5) == (largest["baseline"], largest["variants"][0]["share"])


def test_the_same_report_is_written_as_the_same_bytes(tmp_path):
    """No times, no paths, no order of hashing."""
    for name in ("one", "two"):
        write_report(judge(measured("a"), broken("b")), tmp_path / name / "report")

    assert tree_sha256(tmp_path / "one") == tree_sha256(tmp_path / "two")
    assert [
        "index.html",
        "metrics/a.json",
        "metrics/b.json",
        "plots/size.csv",
        "release.html",
        "report.csv",
        "report.json",
        "report.md",
    ] == tree_files(tmp_path / "one" / "report")


def test_metrics_leave_out_what_is_absent(tmp_path):
    """DVC prints an empty cell, not a zero."""
    write_report(judge(measured("a"), broken("b")), tmp_path / "report")

    folder = tmp_path / "report" / "metrics"
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}

    assert {"passed": False, "size_kb": 26.074} == found["b"]
    assert {
        "size_kb": 26.074,
        "top1": 0.9861,
        "drop": 0.0028,
        "agreement": 0.9972,
        "snr_db": 32.0,
        "max_abs_error": 0.05,
        "passed": True,
    } == found["a"]


def test_csv_has_a_row_for_every_variant_and_empty_fields_where_absent():
    """A spreadsheet sees nothing, not zero."""
    rows = list(csv.DictReader(io.StringIO(summary.report_csv(judge(measured("a"), broken("b"))))))

    assert ["a", "b"] == [row["variant"] for row in rows]
    assert ["0.9861", ""] == [row["metric"] for row in rows]
    assert "\r" not in summary.report_csv(judge(measured("a")))


def test_plot_without_a_metric_shows_similarity(tmp_path):
    """Unlabelled samples still give a picture, and the file says of what."""
    write_report(judge(measured("a", metric=None), broken("b")), tmp_path / "report")

    lines = (tmp_path / "report" / "plots" / "size.csv").read_text(encoding="utf-8").splitlines()

    assert [
        "variant,size_kb,quality,quality_is,passed",
        "a,26.074,0.9995,cosine_similarity,True",
    ] == lines


@pytest.mark.parametrize("render", [text, summary.report_markdown], ids=["terminal", "markdown"])
def test_failed_checks_stand_below_the_table_with_found_limit_and_margin(render):
    """The reader need not open another file."""
    shown = render(judge(measured(outputs={"digit": output(snr_db=12.5)}))).replace("\\", "")

    assert "int8.snr_db: found 12.5 dB; expected at least 20 (margin -7.5)" in shown
    assert "1 of 1 variant failed, by 1 check." in shown


@pytest.mark.parametrize("render", [text, summary.report_markdown], ids=["terminal", "markdown"])
def test_a_regression_reads_well(render):
    """Its metric has another name and goal, and agreement is absent."""
    shown = render(judge(regression("float32"), regression())).replace("\\", "")

    assert "lower mean_absolute_error is better" in shown
    assert "absent" in shown
    assert "43.4" in shown


@pytest.mark.parametrize("render", [text, summary.report_markdown], ids=["terminal", "markdown"])
def test_a_task_without_metric_says_so(render):
    """Absent is not zero."""
    shown = render(judge(measured(metric=None, top1_agreement=None))).replace("\\", "")

    assert "No task metric" in shown
    assert shown.count("absent") >= 3


def test_a_file_that_does_not_run_says_so_in_its_row():
    """Its cells are not absent for want of a metric."""
    shown = text(judge(measured(), broken()))

    assert "no run" in shown
    assert "int16x8.runs: found an error (node 3 has no kernel)" in shown


def test_an_exact_variant_has_no_noise():
    """An infinite SNR is a word."""
    exact = output(snr_db=None, max_abs_error=0.0)

    assert "exact" in text(judge(measured(outputs={"digit": exact})))


def test_a_pipe_gets_plain_text_with_whole_names():
    """No colour codes, nothing cut, however narrow the environment claims to be."""
    name = "int8_with_a_long_name_that_somebody_chose"

    shown = text(judge(measured(name)))

    assert "\x1b" not in shown
    assert name in shown
    assert "…" not in shown


@pytest.mark.parametrize("width", range(36, 110))
def test_a_narrow_terminal_keeps_name_size_and_verdict(width, monkeypatch):
    """Columns go, least needed first, instead of being squeezed to letters."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    lines = re.sub(r"\x1b\[\d*m", "", text(judge(measured("dynamic_range")))).splitlines()
    assert not any("…" in line for line in lines)

    table = [line for line in lines if line.startswith(("  variant ", "  dynamic_range "))]
    assert "KiB" in table[0]
    assert "pass" in table[1]
    assert all(len(line) <= width for line in table[:2])


def test_markdown_escapes_names():
    """A title is text, not a link or a cell border."""
    shown = summary.report_markdown(judge(measured(), title="a|b [c](d) <e>"))

    assert r"## a\|b \[c\](d) \<e\>: passed" in shown


def test_page_escapes_names(tmp_path):
    """A title is text, not markup."""
    parsed = page(tmp_path, judge(measured("<b>x</b>"), title="<script>alert(1)</script>"))

    tags = [tag for tag, _ in parsed.seen]
    assert (1, 0) == (tags.count("script"), tags.count("b"))
    assert "<b>x</b>" in parsed.words


def test_page_stands_alone(tmp_path):
    """Nothing is fetched: no style sheets, images or fonts; links lead into the build only."""
    parsed = page(tmp_path, judge(measured(), broken()))

    assert {"link", "img", "iframe"}.isdisjoint(tag for tag, _ in parsed.seen)
    assert not any("src" in attributes for _, attributes in parsed.seen)
    links = [attributes["href"] for tag, attributes in parsed.seen if tag == "a"]
    assert links
    assert [] == [link for link in links if ":" in link or link.startswith("/")]
    assert not any("url(" in words or "@import" in words for words in parsed.words)


def test_page_says_the_verdict_first(tmp_path):
    """Title, verdict, then everything else."""
    words = [word for word in page(tmp_path, judge(measured(), broken())).words if word.strip()]

    after_style = words[[word.startswith("\n:root") for word in words].index(True) + 1 :]
    assert ["Digits", "Failed", "1 of 2 variants failed, by 1 check."] == [
        *after_style[:2],
        after_style[2].partition(" The smallest")[0],
    ]


def test_page_tables_have_headers_with_scope(tmp_path):
    """A screen reader needs it to name the heading of a cell."""
    parsed = page(tmp_path, judge(measured(), regression("r")))

    headers = [attributes for tag, attributes in parsed.seen if tag == "th"]
    assert headers
    assert all(attributes.get("scope") in {"row", "col"} for attributes in headers)


def test_page_without_a_metric_has_no_chart(tmp_path):
    """There is nothing to draw."""
    parsed = page(tmp_path, judge(measured(metric=None)))

    assert "svg" not in {tag for tag, _ in parsed.seen}


@pytest.mark.parametrize("quality", [0.0, 0.9861, -3.5])
def test_page_draws_a_single_point(tmp_path, quality):
    """One variant, no spread: scales must not collapse."""
    metric = {**measured()["metric"], "variant": quality, "source": quality, "drop": 0.0}

    parsed = page(tmp_path, judge(measured(bytes=0, metric=metric)))

    assert "circle" in {tag for tag, _ in parsed.seen}


def write_prepared(folder):
    """Write an evaluation split of two images, and data.json, as `prepare` does."""
    if folder.exists():
        return
    column = Column(np.zeros((2, 8, 8, 1)), np.dtype(np.float32), (8, 8, 1))
    write_split(folder / "evaluation", {"image": column}, {}, np.arange(2), classes=None,
                task="none")  # fmt: skip
    (folder / "data.json").write_text('{"classes": null}', encoding="utf-8")


def stage(folder, variants, measurements, **environment):
    """Run the stage in a folder of its own."""
    (folder / "build" / "validate").mkdir(parents=True, exist_ok=True)
    params = {
        "report": {"title": "Digits", "variants": variants},
        "limits": dict.fromkeys(variants, LIMITS),
    }
    (folder / "build" / "params.json").write_text(json.dumps(params), encoding="utf-8")
    write_prepared(folder / "build" / "prepare")
    for one in measurements:
        path = folder / "build" / "validate" / f"{one['variant']}.json"
        path.write_text(json.dumps(one), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "stages.report"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_stage_records_failures_and_exits_0(tmp_path):
    """It judges; the gate stops the build."""
    done = stage(tmp_path, ["int8", "int16x8"], [measured(), broken()])

    assert (0, "") == (done.returncode, done.stderr)
    assert "int16x8.runs" in done.stdout
    assert (tmp_path / "build" / "report" / "report.json").is_file()


def test_the_stage_removes_measurements_of_variants_that_left(tmp_path):
    """DVC counts every file of a directory dependency."""
    stage(tmp_path, ["int8"], [measured(), measured("old")])

    assert ["int8.json"] == tree_files(tmp_path / "build" / "validate")


def test_the_stage_names_a_missing_measurement_in_one_line(tmp_path):
    """And writes no report."""
    done = stage(tmp_path, ["int8", "float16"], [measured()])

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "float16.json" in done.stderr
    assert not (tmp_path / "build" / "report").exists()
