from __future__ import annotations

import pytest

from litemill.pipeline.dvc_dependencies import declared_dependencies, undeclared_dependencies

CHOICES = {"model": "mine", "data": "own"}
DVC = """\
stages:
  configure: {deps: [conf, "data/${data}", "models/${model}", metrics.py]}
"""


@pytest.fixture
def root(tmp_path):
    """Make a project whose configure depends on the folders of its choices."""
    (tmp_path / "dvc.yaml").write_text(DVC)
    return tmp_path


def undeclared(root, name):
    """Return the errors about a file that is reached from model.build."""
    return list(undeclared_dependencies(root, [("model.build", root / name)], CHOICES))


def test_dependencies_are_those_of_the_choices(root):
    """The templates of dvc.yaml are filled in as DVC does."""
    assert [root / "conf", root / "data/own", root / "models/mine", root / "metrics.py"] == (
        declared_dependencies(root, CHOICES)
    )


@pytest.mark.parametrize(
    "name", ["models/mine/__init__.py", "models/mine/deep/parts.py", "metrics.py", "data/own/x.npz"]
)
def test_what_lies_below_a_dependency_passes(root, name):
    """It need not exist yet: prepare says so."""
    assert [] == undeclared(root, name)


@pytest.mark.parametrize("name", ["models/other/__init__.py", "shared.py", "data/own/../x.npz"])
def test_what_lies_elsewhere_is_refused_with_the_remedy(root, name):
    """Otherwise an edit there would rebuild nothing."""
    [error] = undeclared(root, name)

    assert ("model.build", f"reaches {name}, which is no dependency of configure") == (
        error.place,
        error.found,
    )
    assert f"add `- {name}` to its deps in dvc.yaml" == error.expected


def test_a_file_outside_of_the_project_is_named_by_its_path(root):
    """DVC can depend on that, too."""
    [error] = undeclared_dependencies(root, [("data.load.path", root.parent / "x.npz")], CHOICES)

    assert f"reaches {root.parent / 'x.npz'}, " in error.found + " "
