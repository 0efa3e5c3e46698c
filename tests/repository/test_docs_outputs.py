"""Outputs that pages show as real are those of the committed build."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import yaml

from litemill.cli import audit
from litemill.core.files import read_json
from litemill.report import summary

ROOT = Path(__file__).parents[2]
REPORT = "build/report/report.json"
PAGES = ["README.md", "docs/report.md"]


@pytest.fixture(scope="module")
def lock():
    """Give the outputs of the committed build, by path."""
    stages = yaml.safe_load((ROOT / "dvc.lock").read_bytes())["stages"].values()
    return {out["path"]: out for stage in stages for out in stage.get("outs", [])}


def shown(page):
    """Give what a page shows of `litemill show`, without what it leaves out."""
    [block] = re.findall(
        r"^(\w+ [\d.]+: All .*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE
    )
    lines = [line.rstrip() for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(("…", "$ "))]


@pytest.mark.parametrize("page", PAGES)
def test_the_table_has_the_sizes_of_the_committed_build(page, lock):
    """Which dvc.lock knows, also where nothing was built."""
    rows = [line.split() for line in shown(page)]
    found = {row[0]: row[1] for row in rows if f"build/convert/{row[0]}/model.tflite" in lock}

    sizes = {name: lock[f"build/convert/{name}/model.tflite"]["size"] for name in found}
    assert {"float32", "dynamic_range"} <= set(found)
    assert {name: f"{size / 1024:.1f}" for name, size in sizes.items()} == found


@pytest.mark.parametrize("page", PAGES)
def test_the_report_is_that_of_the_committed_build(page, lock, capsys):
    """Each line, as `litemill show` prints it; where that build is there to be asked."""
    built = (ROOT / REPORT).read_bytes() if (ROOT / REPORT).exists() else b""
    if hashlib.md5(built, usedforsecurity=False).hexdigest() != lock[REPORT]["md5"]:
        pytest.skip(f"{REPORT} is not the committed one: `dvc repro` makes it")

    summary.print_report(read_json(ROOT / REPORT))

    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [] == [line for line in shown(page) if line not in printed]


def test_readme_shows_the_verdict_of_an_audit_in_its_words():
    """Which are those of the program."""
    text = (ROOT / "README.md").read_text()
    [given] = re.findall(r"^\$ litemill audit (.+)$", text, re.MULTILINE)
    source, file, *_ = given.split()

    verdict = audit.SENTENCES["faithful"].format(file=f"{file} (int8)", source=source)
    assert f"{given}\n{verdict}\n" in text
