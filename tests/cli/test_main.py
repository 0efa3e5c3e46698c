"""The command `litemill` itself: help, choices, what a change means, exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from litemill.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PARAMS = "build/params.json"


def litemill(*words, folder=ROOT):
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "litemill", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    """Copy the project's configuration and code; the package lies elsewhere."""
    for name in ("conf", "models", "data", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("params.yaml", "dvc.yaml", "requirements.lock"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "build").mkdir()
    shutil.copyfile(ROOT / PARAMS, tmp_path / PARAMS)
    assert 0 == litemill("configure", "--write", folder=tmp_path).returncode
    return tmp_path


def test_help_names_every_command():
    """The list is what people see first."""
    told = litemill("--help")
    assert told.returncode == 0
    assert [name for name in COMMANDS if f"  {name}" not in told.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    """With its purpose and its arguments."""
    told = litemill(command, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert f"litemill {command}" in told.stdout


def test_unknown_command_is_a_wrong_command_line():
    """Exit status 2, as everywhere."""
    assert litemill("bulid").returncode == 2


def test_list_marks_what_params_yaml_chooses():
    """Every group, every choice, and what it is for."""
    told = litemill("list", "variant").stdout
    assert "* int8 " in told
    assert "Integers only" in told


def test_list_outside_of_a_project_says_so(tmp_path):
    """In one line."""
    told = litemill("list", folder=tmp_path)
    assert told.returncode == 1
    assert told.stderr == f"{tmp_path / 'conf'}: no such folder; run this in a Litemill project\n"


def test_list_names_the_nearest_group():
    """Of a mistyped one."""
    assert "did you mean 'variant'?" in litemill("list", "varaint").stderr


def test_configure_shows_what_a_change_means(project):
    """One line for each resolved key, and nothing is written."""
    params = project / "params.yaml"
    text = params.read_text().replace("overrides: {}", "overrides: {train: {epochs: 3}}")
    params.write_text(text)
    before = (project / PARAMS).read_bytes()
    told = litemill("configure", folder=project)
    assert told.stdout == "train.fit.epochs: 20 -> 3\n"
    assert (project / PARAMS).read_bytes() == before


def test_configure_tells_what_is_absent_from_what_is_null(project):
    """A key that leaves with its value, even null, is a change."""
    params = json.loads((project / PARAMS).read_bytes())
    del params["train"]["fit"]["loss"]
    (project / PARAMS).write_text(json.dumps(params))

    assert "train.fit.loss: absent -> None\n" == litemill("configure", folder=project).stdout


def test_configure_writes_when_asked(project):
    """As `dvc repro configure` does."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("overrides: {}", "overrides: {train: {seed: 1}}"))
    litemill("configure", "--write", folder=project)
    assert litemill("configure", folder=project).stdout == "build/params.json is up to date\n"
