"""The site of the documentation has every page, every command, and no dead link."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from litemill.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]


def pages(nav):
    """Return the pages of a navigation, however deep."""
    for entry in nav:
        [value] = entry.values()
        yield from [value] if isinstance(value, str) else pages(value)


def test_every_page_is_in_the_navigation_once():
    """A new page needs a line in mkdocs.yml, where people would look for it."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]

    docs = ROOT / "docs"
    assert sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md")) == sorted(
        pages(nav)
    )


def test_the_site_builds_strictly_and_lists_every_command(tmp_path):
    """A link or an anchor that is not there fails; commands come from the parsers."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")

    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stdout), done.stderr
    text = (tmp_path / "site" / "commands" / "index.html").read_text("utf-8")
    assert set(COMMANDS) == set(re.findall(r"<h2[^>]*>litemill (\w+)", text))
