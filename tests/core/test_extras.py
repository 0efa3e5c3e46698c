"""Packages that `pip install litemill` leaves out are named with what installs them."""

from __future__ import annotations

import sys
import tomllib

import pytest
from project import ROOT

from litemill.core import extras
from litemill.core.errors import ConfigError


def test_extras_are_those_of_the_package():
    """Each module is asked for by its extra, and by nothing that is always installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for module, extra in extras.EXTRAS.items():
        name = module.replace("_", "-")
        assert any(name in one for one in project["optional-dependencies"][extra])
        assert not any(one.startswith(module) for one in project["dependencies"])


@pytest.mark.parametrize("module", extras.EXTRAS)
def test_module_that_is_missing_is_refused_with_its_extra(monkeypatch, module):
    """In one line; one that is there is not."""
    extras.require("json", "place")
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed

    with pytest.raises(ConfigError) as caught:
        extras.require(module, "search=smallest", ", or something else")

    extra = extras.EXTRAS[module]
    assert "search=smallest" == caught.value.place
    assert f"{module} is not installed" == caught.value.found
    assert f"`pip install 'litemill[{extra}]'`, or something else" == caught.value.expected
