"""`litemill list`: what there is to choose, where it comes from, and what is chosen."""

from __future__ import annotations

import argparse

import pytest
from project import own_choice

from litemill.cli.choices import run
from litemill.config.selection import choices
from litemill.core.errors import ConfigError


@pytest.fixture
def listed(tree, monkeypatch, capsys):
    """Return the command: for each choice of a group, whether it is chosen, and its origin."""
    monkeypatch.chdir(tree)

    def listing(group):
        assert 0 == run(argparse.Namespace(group=group))
        title, *lines = capsys.readouterr().out.splitlines()
        assert group == title
        rows = {line[4:].split()[0]: (line[2] == "*", line[4:].split()[1]) for line in lines}
        assert choices(tree, group) == list(rows)
        return rows

    return listing


def chosen(rows):
    """Return the choices that are marked."""
    return [name for name, (marked, _) in rows.items() if marked]


def test_chosen_sweeps_are_marked(tree, listed):
    """params.yaml chooses them, and what it does not is listed too."""
    assert [] == chosen(listed("sweep"))
    own_choice(tree, "conf/sweep/default.yaml")
    (tree / "conf/sweep/mine.yaml").write_text("# Mine.\ngrid: [batch=1]\n")
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("sweeps: []", "sweeps: [mine]"))
    assert ["mine"] == chosen(listed("sweep"))


def test_what_params_yaml_chooses_is_marked(tree, listed):
    """One of a group, several of the variants; or else the default of conf/."""
    (tree / "params.yaml").write_text("model: digits_cnn\nvariants: [int8, float32]\n")
    assert ["digits_cnn"] == chosen(listed("model"))
    assert ["float32", "int8"] == chosen(listed("variant"))
    assert [] == chosen(listed("data"))
    assert ["reproducible"] == chosen(listed("numerics"))


def test_choices_of_project_and_package_are_told_apart(tree, listed):
    """And a file of the project that lies over one of the package."""
    assert {"project"} == {origin for _, origin in listed("model").values()}
    assert {"package"} == {origin for _, origin in listed("variant").values()}
    own_choice(tree, "conf/variant/int8.yaml")
    (tree / "conf/variant/mine.yaml").write_text("# Mine.\noptimization: int8\n")

    rows = {name: origin for name, (_, origin) in listed("variant").items()}

    assert ("project*", "project", "package") == (rows["int8"], rows["mine"], rows["float16"])


def test_each_choice_says_what_it_is_for(tree, monkeypatch, capsys):
    """By the first sentence of its comment; an experiment's header is none."""
    (tree / "conf/experiment").mkdir()
    text = "# @package _global_\n# One epoch. For tests.\ntrain: {epochs: 1}\n"
    (tree / "conf/experiment/quick.yaml").write_text(text)
    monkeypatch.chdir(tree)

    assert 0 == run(argparse.Namespace(group=None))

    out = capsys.readouterr().out
    assert "experiment\n    quick  project   One epoch\n" in out
    assert "  * default  package   What the gate lets through" in out


@pytest.mark.parametrize(
    ("place", "text", "found"),
    [
        ("params.yaml", "- model\n", "found ['model']"),
        ("params.yaml:2", "model: [\n", "not YAML"),
        ("params.yaml:2", "model: a\nmodel: b\n", "'model' is there twice"),
        ("conf/config.yaml", "defaults\n", "found 'defaults'"),
    ],
)
def test_files_that_choose_nothing_are_refused(tree, monkeypatch, place, text, found):
    """In one line that says where."""
    (tree / place.partition(":")[0]).write_text(text)
    monkeypatch.chdir(tree)
    with pytest.raises(ConfigError) as refused:
        run(argparse.Namespace(group=None))
    assert (place, found) == (refused.value.place, refused.value.found)
    assert "\n" not in str(refused.value)


def test_an_unknown_group_is_refused(tree, monkeypatch):
    """With the nearest name."""
    monkeypatch.chdir(tree)
    with pytest.raises(ConfigError) as refused:
        run(argparse.Namespace(group="variants"))
    assert "did you mean 'variant'?" == refused.value.expected
