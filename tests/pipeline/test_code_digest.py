from __future__ import annotations

import pytest

from litemill.core.errors import ConfigError
from litemill.pipeline.code_digest import STAGES, digests, modules


def edited(tree, name):
    """Add a statement to a module, and give the stages whose digest changed."""
    before = digests(tree)
    file = tree / "stages" / name
    file.write_text(file.read_text() + "\nADDED = 1\n")
    after = digests(tree)
    return {stage for stage in STAGES if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("gate.py", {"gate"}),
        ("__main__.py", set(STAGES)),
        ("verdict.py", {"report", "gate"}),
        ("loaders.py", {"prepare"}),
        ("routes.py", {"convert", "sweep"}),
        ("serving.py", {"train", "export", "convert", "sweep"}),
        ("files.py", set(STAGES)),
        ("audit.py", set()),
    ],
)
def test_an_edit_changes_the_digests_of_the_stages_that_import_the_module(tree, module, stages):
    """However deep, and of no other."""
    assert stages == edited(tree, module)


def test_a_new_module_counts_as_soon_as_it_is_imported(tree):
    """Nobody lists it anywhere."""
    before = digests(tree)
    (tree / "stages/fresh.py").write_text("VALUE = 1\n")
    assert before == digests(tree)

    verdict = tree / "litemill/report/verdict.py"
    verdict.write_text(verdict.read_text() + "\nimport stages.fresh\n")

    assert tree / "stages/fresh.py" in modules("gate", tree)


def test_the_digest_does_not_depend_on_the_folder(tree, tmp_path):
    """It goes into dvc.lock."""
    moved = tree.rename(tmp_path / "elsewhere")
    expected = digests(moved)
    moved.rename(tree)

    assert expected == digests(tree)


def test_a_module_that_is_no_python_is_told_with_its_line(tree):
    """Before anything is built with it."""
    (tree / "litemill/report/gate.py").write_text("def gate(:\n")

    with pytest.raises(ConfigError, match=r"^litemill/report/gate.py:1: not Python"):
        digests(tree)
