from __future__ import annotations

import argparse
import csv
import io
import json

import pytest
from verdicts import broken, measured

from litemill.cli import show
from litemill.core.errors import LitemillError
from litemill.report.assemble import assemble_report, write_report

LIMITS = {"int8": {"snr_db": 20}}


@pytest.fixture
def written(tmp_path):
    """A report on disk."""
    write_report(assemble_report([measured(), broken()], LIMITS, "Digits"), tmp_path)
    return tmp_path


def parsed(*words):
    """Parse arguments as `litemill show` does."""
    parser = argparse.ArgumentParser()
    show.configure(parser)
    return parser.parse_args(words)


def shown(capsys, folder, *words):
    """Run the command and give what it printed."""
    assert show.run(parsed("--report", str(folder / "report.json"), *words)) == 0
    return capsys.readouterr().out


def test_show_prints_the_table_by_default(written, capsys):
    """Variants, verdicts and failed checks."""
    out = shown(capsys, written)

    assert "int16x8.runs" in out
    assert "FAIL" in out


def test_show_gives_the_very_markdown_and_json_of_the_report(written, capsys):
    """What a pull request shows is what the stage wrote."""
    for name, file in (("markdown", "report.md"), ("json", "report.json"), ("csv", "report.csv")):
        expected = (written / file).read_bytes().decode()
        assert expected == shown(capsys, written, "--format", name)


def test_show_gives_csv_and_json_that_programs_read(written, capsys):
    """Without a word around them."""
    rows = list(csv.DictReader(io.StringIO(shown(capsys, written, "--format", "csv"))))

    assert ["int8", "int16x8"] == [row["variant"] for row in rows]
    assert not json.loads(shown(capsys, written, "--format", "json"))["passed"]


def test_show_without_a_report_says_what_to_run(tmp_path):
    """One line."""
    with pytest.raises(LitemillError, match="no such file; run `dvc repro` first"):
        show.run(parsed("--report", str(tmp_path / "report.json")))


@pytest.mark.parametrize("content", ["{}", "[]", "3"])
def test_show_refuses_what_is_no_report(tmp_path, content):
    """One line, no traceback."""
    (tmp_path / "report.json").write_text(content, encoding="utf-8")

    with pytest.raises(LitemillError, match="not a report"):
        show.run(parsed("--report", str(tmp_path / "report.json")))


def test_show_refuses_changes_as_csv(written):
    """A table of variants has no place for them; nothing is read or printed."""
    args = parsed("--report", str(written / "report.json"), "--format", "csv", "--since", "x.tar")

    with pytest.raises(LitemillError, match=r"^--since: found --format csv; expected "):
        show.run(args)


def test_show_refuses_an_unknown_format():
    """Argparse names the formats there are."""
    with pytest.raises(SystemExit):
        parsed("--format", "pdf")
