"""The documentation says all there is, and nothing that there is not."""

from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml
from pages import COMMENTS, PAGES, files_shown

from litemill.cli.main import COMMANDS
from litemill.config import selection
from litemill.config.schema import MISSING
from litemill.config.schema.config import (
    Config,
    Data,
    Exporting,
    ModelChoice,
    ReleaseChoice,
    Toolchain,
    VariantChoice,
)
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.sweep import SweepChoice
from litemill.config.schema.target import EthosU
from litemill.config.schema.train import Fit
from litemill.config.schema.validate import Measuring
from litemill.evaluation import checks

ROOT = Path(__file__).parents[2]
# A section of docs/options.md -> the options that it documents.
OPTIONS = {
    "model": {"": ModelChoice},
    "data": {"": Data},
    "train": {"": Fit},
    "variant": {"": VariantChoice},
    "target": {"": EthosU},
    "numerics": {"": Numerics},
    "sweep": {"": SweepChoice},
    "release": {"": ReleaseChoice},
    "Sections without choices": {
        "export": Exporting,
        "validate": Measuring,
        "toolchain": Toolchain,
    },
}
FOLDERS = "benchmarks|conf|data|docs|litemill|metrics|models|stages|tests"


def read(name):
    """Return the text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def sections(text):
    """Return the sections of a page by their titles."""
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def options(schema, path=""):
    """Return the default of every option below a dataclass, by dotted name."""
    found = {}
    for field in dataclasses.fields(schema):
        name = f"{path}.{field.name}" if path else field.name
        hint = get_type_hints(schema)[field.name]
        inner = [part for part in (hint, *get_args(hint)) if dataclasses.is_dataclass(part)]
        if inner:
            found |= options(inner[0], name)
        elif field.default_factory is not dataclasses.MISSING:
            found[name] = field.default_factory()
        else:
            found[name] = field.default
    return found


def told(default):
    """Write a default as docs/options.md does."""
    if default == MISSING:
        return "has to be set"
    if default == "":
        return "empty"
    if isinstance(default, dict) and default:
        return f"`{default['_target_']}`"
    if isinstance(default, bool) or default is None:
        return f"`{yaml.safe_dump(default).split()[0]}`"
    return f"`{default.name if isinstance(default, enum.Enum) else default}`"


def rows(section):
    """Return the cells of a table's rows by the first one, without its backticks."""
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


@pytest.mark.parametrize("section", OPTIONS)
def test_options_page_lists_every_option_with_its_default(section):
    """A new option needs a row; a removed one must lose it."""
    expected = {}
    for path, schema in OPTIONS[section].items():
        expected |= {name: told(default) for name, default in options(schema, path).items()}
    if section == "data":
        expected["metric"] = "`null`"
    text = sections(read("docs/options.md"))[section].partition("Loaders that come")[0]
    assert expected == {name: cells[1] for name, cells in rows(text).items()}


def test_options_page_has_a_section_for_every_group():
    """The sections are those of the configuration; variants are of the group `variant`."""
    groups = set(selection.groups(ROOT))
    assert groups <= set(sections(read("docs/options.md")))
    flat = {"export", "validate", "toolchain", "variants", "sweeps", "targets"}
    named = {"variant", "sweep", "target"}
    assert {field.name for field in dataclasses.fields(Config)} - flat == groups - named


def test_options_page_lists_every_check_with_its_default():
    """The limits of conf/limits/default.yaml, and the checks that are always on."""
    section = sections(read("docs/options.md"))["limits"]
    limits = yaml.safe_load(read("litemill/conf/limits/default.yaml"))
    expected = {name: told(limits.get(name)) for name in checks.check_names()}
    assert expected == {name: cells[1] for name, cells in rows(section).items()}
    always = [name for name in checks._public(checks.ALWAYS_ON) if f"`{name}` (" not in section]
    assert [] == always


def test_readme_lists_every_command():
    """What `litemill --help` lists, README.md explains."""
    named = set(re.findall(r"`litemill (\w+)", sections(read("README.md"))["Commands"]))
    assert set(COMMANDS) == named


def test_architecture_lists_every_stage():
    """The table has the stages of dvc.yaml, in their order."""
    stages = list(yaml.safe_load(read("dvc.yaml"))["stages"])
    section = sections(read("docs/architecture.md"))["Stages"]
    listed = re.findall(r"^\| (\w+)(?:@v)? \|", section, re.MULTILINE)
    assert stages == listed[1:]


def test_readme_has_at_most_200_lines():
    """A page that is read to its end."""
    assert len(read("README.md").splitlines()) <= 200


@pytest.mark.parametrize("page", [*PAGES, *COMMENTS], ids=lambda page: page.name)
def test_pages_name_files_that_exist(page):
    """Links and paths; files that a page tells its reader to make are none of them."""
    text = page.read_text(encoding="utf-8")
    made = {name for other in PAGES for name in files_shown(other.read_text(encoding="utf-8"))}
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [] == [link for link in links if not (page.parent / link).exists()]
    paths = re.findall(rf"(?<![\w/.])(?:{FOLDERS})/[\w./-]*\w", text)
    named = [
        path
        for path in paths
        if path not in made and not re.search(r"mine|NAME|test_|/experiment\b", path)
    ]
    homes = (ROOT, ROOT / "litemill")  # conf/ of the project, or of the package
    assert [] == [path for path in named if not any((home / path).exists() for home in homes)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_machine(page):
    """Paths of somebody's machine help nobody else."""
    assert [] == re.findall(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users)/\S+", page.read_text())


def test_benchmarks_readme_names_every_program():
    """How each one is run."""
    text = read("benchmarks/README.md")
    programs = [
        p for p in sorted((ROOT / "benchmarks").glob("*.py")) if "__main__" in p.read_text()
    ]
    assert [] == [p.stem for p in programs if f"python -m benchmarks.{p.stem}" not in text]
