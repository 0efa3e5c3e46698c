from __future__ import annotations

import os
import time

import pytest

from litemill.pipeline import file_digests
from litemill.pipeline.file_digests import FileDigests


@pytest.fixture
def root(tmp_path):
    """Make a project with data that is some minutes old."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "data/own/deep").mkdir(parents=True)
    for name in ("a.npz", "deep/b.npz", "load.py", "a.npz.dvc", ".gitignore"):
        (tmp_path / "data/own" / name).write_text(name)
        age(tmp_path / "data/own" / name)
    return tmp_path


def age(file, seconds=600):
    """Set the time of change of a file to the past."""
    then = time.time() - seconds
    os.utime(file, (then, then))


def lines(root):
    """Digest the data as one build does."""
    digests = FileDigests(root)
    found = list(digests.data(["data/own"]))
    digests.save()
    return found


@pytest.fixture
def read(monkeypatch):
    """Note the names of the files that are read."""
    names = []

    def sha256(path, real=file_digests.sha256):
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(file_digests, "sha256", sha256)
    return names


def test_data_is_digested_without_code_and_what_dvc_keeps_beside_it(root):
    """By the path in the project."""
    assert ["data/own/a.npz", "data/own/deep/b.npz"] == [x.partition("\0")[0] for x in lines(root)]


def test_data_is_read_once(root, read):
    """The next build takes the digests of the last one."""
    first = lines(root)
    assert ["a.npz", "b.npz"] == read

    assert first == lines(root)
    assert ["a.npz", "b.npz"] == read


@pytest.mark.parametrize("how", ["size", "time", "inode"])
def test_a_changed_file_is_read_again(root, read, how):
    """By size, by time of change, or another file under the same name."""
    before, file = lines(root), root / "data/own/a.npz"
    state = file.stat()
    if how == "inode":
        (root / "new").write_text("other")
        (root / "new").replace(file)
    file.write_text("longer text" if how == "size" else "other")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    if how == "time":
        age(file, 300)
    read.clear()

    after = lines(root)

    assert ["a.npz"] == read
    assert (before[0] != after[0], before[1:]) == (True, after[1:])


def test_a_file_that_changed_just_now_is_not_remembered(root, read):
    """It may change again within the same tick of the clock."""
    (root / "data/own/a.npz").touch()
    lines(root)
    read.clear()

    lines(root)

    assert ["a.npz"] == read


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_damaged_digests_are_computed_again(root, text):
    """They are only a cache."""
    expected = lines(root)
    (root / file_digests.CACHE).write_text(text)

    assert expected == lines(root)
