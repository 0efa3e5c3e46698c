"""`litemill configure`: what a change means, without writing unless it is asked to."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from project import ROOT

from litemill.cli import configure
from litemill.core.errors import ConfigError, LitemillError
from litemill.pipeline.configure import configure as resolve
from litemill.pipeline.configure import write_parameters

# As Git leaves a file that two branches changed.
CONFLICT = "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n"


@pytest.fixture
def command(tree, monkeypatch, capsys):
    """Return the command, run in a copy of the project; it returns the lines printed."""
    monkeypatch.chdir(tree)

    def run(*words):
        parser = argparse.ArgumentParser()
        configure.configure(parser)
        assert 0 == configure.run(parser.parse_args([*words]))
        return capsys.readouterr().out.splitlines()

    return run


def test_a_project_that_was_never_configured_gets_a_summary(tree, command):
    """Ten lines at most; and nothing is written."""
    lines = command()

    assert len(lines) <= 10
    assert lines[0].startswith("build/params.json is not there yet; `litemill configure --write`")
    assert "  model     digits_cnn (conf/model/digits_cnn.yaml)" in lines
    assert "  train     default (litemill/conf/train/default.yaml)" in lines
    variants = "float32, dynamic_range, float16, int8, int8_float_io, int16x8"
    assert f"  variants  {variants}, int8_mcu, int8_ethos_u55" in lines
    assert "  sweeps    none" in lines
    assert not (tree / "build/params.json").exists()


def test_write_writes_what_configure_resolves(tree, command):
    """The same bytes as the stage; then there is no difference left."""
    command("--write")

    assert resolve(tree) == json.loads((tree / "build/params.json").read_text())
    assert "build/params.json is up to date" == command()[0]


def test_an_edit_is_shown_key_by_key(tree, command):
    """From which value to which."""
    command("--write")
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(
        text.replace("overrides: {}", "overrides: {train: {epochs: 3}}")
    )

    assert ["train.fit.epochs: 20 -> 3"] == command()


@pytest.mark.parametrize(
    "text", [CONFLICT, *(pytest.param(t, marks=pytest.mark.slow) for t in ("", "[1]", "{"))]
)
def test_damaged_parameters_are_written_anew(tree, command, text):
    """A merge leaves markers in build/params.json; nobody has to mend what is generated."""
    (tree / "build").mkdir()
    (tree / "build/params.json").write_text(text)

    lines = command("--write")

    assert lines[0].startswith("build/params.json is damaged; ")
    assert "build/params.json is up to date" == command()[0]


def test_overrides_show_their_difference_and_write_nothing(tree, command):
    """Also where build/params.json is old, or was never there."""
    assert ["train.fit.epochs: 20 -> 3"] == command("train.epochs=3")
    assert not (tree / "build/params.json").exists()
    assert ["no difference"] == command("train.epochs=20")


def test_overrides_may_be_choices(command):
    """Of a group, and of the list of variants."""
    lines = command("model=diabetes_mlp", "data=diabetes", "variants=[int8]")

    assert "report.title: 'digits_cnn' -> 'diabetes_mlp'" in lines
    assert "convert.float16: … -> absent" in lines
    assert any(line.startswith("report.variants: ") for line in lines)


def test_overrides_may_mend_a_project(tree, command):
    """Then what they change is told from what was written last."""
    command("--write")
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("model: digits_cnn", "model: nowhere"))

    assert ["train.fit.seed: 0 -> 1"] == command("model=digits_cnn", "train.seed=1")


@pytest.mark.parametrize(
    ("words", "place", "found"),
    [
        (["train.epoch=3"], "command line: train.epoch", "unknown key"),
        (["train.epochs=x"], "command line: train.epochs", "found 'x'"),
        (["train.epochs=0"], "command line: train.epochs", "found 0"),
        (["nothing.at.all=0"], "command line: nothing", "unknown key"),
        (["model=digits_cn"], "command line: model", "no 'digits_cn' in conf/model/"),
        (["foo"], "command line: foo", "missing EQUAL at '<EOF>'"),
    ],
)
def test_a_bad_override_is_refused_in_one_line(command, words, place, found):
    """Which names it."""
    with pytest.raises(LitemillError) as refused:
        command(*words)

    assert (place, found) == (refused.value.place, refused.value.found)
    assert "\n" not in str(refused.value)


def test_show_prints_the_composed_configuration(command):
    """As YAML that can be read back, choices and overrides merged."""
    shown = yaml.safe_load("\n".join(command("--show")))

    assert "models.digits_cnn.build" == shown["model"]["build"]["_target_"]
    assert 64 == shown["validate"]["batch_size"]
    assert "hydra" not in shown


def test_show_prints_one_section(command):
    """By its dotted path; overrides count."""
    section = yaml.safe_load("\n".join(command("variants.int8.batch=4", "--show", "variants.int8")))

    assert ("int8", 4) == (section["optimization"], section["batch"])
    assert "epochs: 3" == command("--show", "train", "train.epochs=3")[0]
    assert "  epochs: 3" in command("--show", "train.epochs=3")  # which is no section


def test_show_of_an_unknown_section_names_the_nearest(command):
    """In one line."""
    with pytest.raises(ConfigError) as refused:
        command("--show", "variants.int_8")

    assert "no section 'int_8'" == refused.value.found
    assert "did you mean 'int8'?" == refused.value.expected


@pytest.mark.parametrize("words", [["train.epochs=3", "--write"], ["--write", "--show"]])
def test_write_goes_with_nothing_else(tree, command, words):
    """What it wrote would be gone with the next build."""
    with pytest.raises(ConfigError, match=r"--write: beside overrides or --show"):
        command(*words)
    assert not (tree / "build/params.json").exists()


@pytest.mark.slow
def test_explain_goes_on_with_conflicted_parameters(tree):
    """Or says in one line what to do."""
    write_parameters(resolve(tree), tree / "build/params.json")
    (tree / "build/params.json").write_text(CONFLICT)
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, cwd=tree, capture_output=True, check=False)

    words = [sys.executable, "-m", "litemill", "explain"]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)

    assert 0 == done.returncode or 1 == len(done.stderr.splitlines())
    assert "Traceback" not in done.stderr
    assert 0 == done.returncode or "dvc repro configure" in done.stderr


def test_the_options_page_shows_real_output(tree):
    """Each command of docs/options.md, run in a copy of this project."""
    page = (ROOT / "docs/options.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = re.findall(r"^\$ litemill (.+)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    assert 4 == len(shown)
    for line, expected in shown:
        command = [sys.executable, "-m", "litemill", *shlex.split(line)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        assert expected == done.stdout + done.stderr
