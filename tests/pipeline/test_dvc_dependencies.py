from __future__ import annotations

import pytest

from litemill.core.errors import ErrorGroup
from litemill.pipeline.dvc_dependencies import (
    dependencies,
    layers,
    refuse_unwatched,
    undeclared_dependencies,
)

CHOICES = {"model": "mine", "data": "own"}
DVC = """\
stages:
  prepare: {deps: ["data/${data}", litemill/data/loaders.py]}
  train: {deps: ["models/${model}"]}
  validate: {deps: [metrics]}
"""
FILES = {
    "dvc.yaml": DVC,
    **{f"{folder}/__init__.py": "" for folder in ("data", "models", "stages")},
    "models/mine/__init__.py": "from models.mine import parts\n",
    "models/mine/parts.py": "size = 1\n",
    "models/other/__init__.py": "size = 1\n",
    "models/empty.py": '"""Says nothing."""\n',
    "data/own/__init__.py": "import models.other\n",
    "data/own/bad.py": "def load(:\n",
    "litemill/data/loaders.py": "def npz(): ...\n",
    "stages/__main__.py": "",
}


@pytest.fixture
def root(tmp_path):
    """Give a project with two models."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def told(root, stage, **call):
    """Give the refusals as text."""
    call = {"_target_" if key == "target" else key: value for key, value in call.items()}
    return [
        str(error)
        for error in undeclared_dependencies(root, stage, call, CHOICES, "file: load._target_")
    ]


def test_dependencies_are_those_of_the_choices(root):
    """The templates of dvc.yaml are filled in as DVC does."""
    assert [root / "data/own", root / "litemill/data/loaders.py"] == dependencies(
        root, "prepare", CHOICES
    )


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        ("train", "models.mine.build"),
        ("train", "models.mine.parts.size"),
        ("train", "models.empty.anything"),
        ("train", "keras.optimizers.Adam"),
        ("train", "json.loads"),
        ("prepare", "litemill.data.loaders.npz"),
    ],
)
def test_code_that_dvc_watches_passes(root, stage, target):
    """The choice's own folder, listed files, installed packages, modules without code."""
    assert [] == told(root, stage, target=target)


def test_code_of_another_model_is_refused_with_both_remedies(root):
    """Otherwise an edit there would rebuild nothing."""
    expected = (
        "file: load._target_: reaches models/other/__init__.py, which is no dependency of train; "
        "expected it below models/mine/, or `- models/other/__init__.py` among the deps of train "
        "in dvc.yaml"
    )
    assert [expected] == told(root, "train", target="models.other.build")


def test_code_that_is_reached_through_imports_is_refused_too(root):
    """The target itself may be well."""
    [line] = told(root, "prepare", target="data.own.load")

    assert "reaches models/other/__init__.py, which is no dependency of prepare" in line


@pytest.mark.parametrize("path", ["data/own/file.npz", "data/own", "data/own/deep/images"])
def test_a_data_file_below_the_choice_passes(root, path):
    """It need not exist yet: prepare says so."""
    assert [] == told(root, "prepare", target="litemill.data.loaders.npz", path=path)


@pytest.mark.parametrize("path", ["data/other/file.npz", "/srv/file.npz", "data/own/../x.npz"])
def test_a_data_file_elsewhere_is_refused(root, path):
    """At the key that names it."""
    [line] = told(root, "prepare", target="litemill.data.loaders.npz", path=path)

    assert line.startswith("file: load.path: reaches ")


def test_code_that_is_no_python_is_one_of_the_refusals(root):
    """The others are told as well."""
    assert ["data/own/bad.py:1: not Python; invalid syntax"] == told(
        root, "prepare", target="data.own.bad.load"
    )


def test_a_stage_looks_again_before_it_runs_code(root, monkeypatch):
    """With the choices of params.yaml: an import may have come into it since configure has run."""
    (root / "params.yaml").write_text("model: mine\ndata: own\nvariants: [int8]\n")
    monkeypatch.chdir(root)
    calls = [("model.build", {"_target_": "models.mine.build"}), ("train.loss", None)]
    refuse_unwatched("train", calls)
    (root / "models/mine/parts.py").write_text("import models.other\n")

    with pytest.raises(ErrorGroup, match=r"model\.build: reaches models/other/"):
        refuse_unwatched("train", calls)
    (root / "dvc.yaml").unlink()
    refuse_unwatched("train", calls)


def test_a_stage_depends_on_what_it_imports_itself(root):
    """By the digest of its code; on what nothing of that imports, it does not."""
    (root / "litemill/data/prepare.py").write_text("import stages.deep\n")
    (root / "stages/deep.py").write_text("import stages.deeper\n")
    (root / "stages/deeper.py").write_text("size = 1\n")
    (root / "litemill/report/chart.py").write_text("size = 1\n")
    (root / "data/own/__init__.py").write_text(
        "import stages.deeper\nimport litemill.report.chart\n"
    )

    [line] = told(root, "prepare", target="data.own.load")

    assert "reaches litemill/report/chart.py, which is no dependency of prepare" in line


def test_code_of_layers_is_reached_by_its_module(root):
    """Which is imported as a whole."""
    assert [] == list(
        undeclared_dependencies(root, "train", layers("models.mine.parts"), CHOICES, "custom")
    )
    [error] = undeclared_dependencies(root, "train", layers("models.other"), CHOICES, "custom")

    assert str(error).startswith("custom: reaches models/other/__init__.py")
