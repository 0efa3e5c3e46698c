"""What was found in source files is found again without parsing, and only there."""

import json

import pytest

from litemill.pipeline.module_facts import CACHE, ModuleFacts


@pytest.fixture
def root(tmp_path):
    """Give a project with a module, where DVC keeps its temporary files."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "a.py").write_text("A = 1\n")
    return tmp_path


def found(root, subject="syntax", file="a.py"):
    """Return what is remembered, and whether it was computed; as a build does."""
    computed = []
    facts = ModuleFacts(root)
    text = (root / file).read_text()
    result = facts.remember(subject, root / file, lambda: computed.append(1) or [text])
    facts.save()
    return result, bool(computed)


def test_the_same_content_is_looked_at_once(root):
    """Also after an edit was taken back, and in a file of another name."""
    assert (["A = 1\n"], True) == found(root)
    assert (["A = 1\n"], False) == found(root)
    (root / "b.py").write_text("A = 1\n")
    assert (["A = 1\n"], False) == found(root, file="b.py")


def test_another_content_or_subject_is_looked_at(root):
    """Even with the same size and time of change."""
    found(root)
    (root / "a.py").write_text("A = 2\n")
    assert (["A = 2\n"], True) == found(root)
    assert (["A = 2\n"], True) == found(root, subject="imports")


def test_what_another_method_found_does_not_count(root):
    """Such as that of another version of Litemill."""
    found(root)
    stored = json.loads((root / CACHE).read_text())
    (root / CACHE).write_text(json.dumps(stored | {"method": "another"}))
    assert (["A = 1\n"], True) == found(root)


@pytest.mark.parametrize("content", ["", "[]", '{"method"', "\0", "{}"])
def test_a_damaged_cache_is_made_anew(root, content):
    """Nothing else depends on it."""
    found(root)
    (root / CACHE).write_text(content)
    assert (["A = 1\n"], True) == found(root)
    assert (["A = 1\n"], False) == found(root)
