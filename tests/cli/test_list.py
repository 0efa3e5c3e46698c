"""`litemill list`: what there is to choose, and what is chosen."""

from __future__ import annotations

import argparse

import pytest

from litemill.cli.choices import run
from litemill.core.errors import ConfigError


def marked(folder, monkeypatch, capsys, group):
    """Give the choices that are marked, of those that are listed."""
    monkeypatch.chdir(folder)
    assert 0 == run(argparse.Namespace(group=group))
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == len(list((folder / "conf" / group).glob("*.yaml")))
    return [line.split()[1] for line in lines if line.startswith("  * ")]


def test_chosen_sweeps_are_marked(tree, monkeypatch, capsys):
    """conf/sweeps.yaml chooses them."""
    assert [] == marked(tree, monkeypatch, capsys, "sweep")
    (tree / "conf/sweep/mine.yaml").write_text("# Mine.\ngrid: [batch=1]\n")
    (tree / "conf/sweeps.yaml").write_text("sweeps: [mine]\n")
    assert ["mine"] == marked(tree, monkeypatch, capsys, "sweep")


def test_what_params_yaml_chooses_is_marked(tree, monkeypatch, capsys):
    """One of a group, several of the variants."""
    (tree / "params.yaml").write_text("model: digits_cnn\nvariants: [int8, float32]\n")
    assert ["digits_cnn"] == marked(tree, monkeypatch, capsys, "model")
    assert ["float32", "int8"] == marked(tree, monkeypatch, capsys, "variant")
    assert [] == marked(tree, monkeypatch, capsys, "data")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("params.yaml", "- model\n", r"params.yaml: found \['model'\]; expected a mapping"),
        ("params.yaml", "model: [\n", r"params.yaml:2: not YAML; "),
        ("params.yaml", "model: a\nmodel: b\n", r"params.yaml:2: 'model' is there twice; "),
        ("conf/sweeps.yaml", "sweep: []\n", r"conf/sweeps.yaml: sweep: unknown key; expected sw"),
    ],
)
def test_files_that_choose_nothing_are_told(tree, monkeypatch, name, text, told):
    """In one line that says where."""
    (tree / name).write_text(text)
    monkeypatch.chdir(tree)
    with pytest.raises(ConfigError, match=told) as raised:
        run(argparse.Namespace(group=None))
    assert "\n" not in str(raised.value)
