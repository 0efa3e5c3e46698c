"""Templates are part of the package, and fail loudly."""

from __future__ import annotations

import tomllib

import jinja2
import pytest
from project import ROOT

from litemill.report.templating import render

PACKAGE = ROOT / "litemill"


def test_the_wheel_has_every_template():
    """The patterns of pyproject.toml match each file in a folder templates/."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = data["tool"]["setuptools"]["package-data"]["litemill"]
    packed = {path for pattern in patterns for path in PACKAGE.glob(pattern) if path.is_file()}

    templates = {path for path in PACKAGE.rglob("templates/*") if path.is_file()}
    assert len(templates) > 15
    assert set() == templates - packed


def test_a_name_that_a_template_does_not_get_is_an_error():
    """A typing mistake shows in a test, not as an empty cell."""
    with pytest.raises(jinja2.UndefinedError):
        render("litemill.report.page", "failed.html.j2", section={})
