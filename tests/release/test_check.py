"""Hostile and damaged archives: refused in one line, and nothing escapes."""

from __future__ import annotations

import tarfile

import pytest
from tars import BAD, member, refused, tar

from litemill.release.check import open_release


def test_an_archive_as_a_release_writes_it_is_unpacked(tmp_path):
    """So what refuses those below is what is wrong with each."""
    (tmp_path / "good.tar").write_bytes(tar(member()))

    with open_release(tmp_path / "good.tar") as release:
        assert ("digits-1.2.0", ("a",)) == (release.top, release.names)
        assert b"x" == (release.folder / "a").read_bytes()


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_archive_is_refused_in_one_line_and_nothing_escapes(tmp_path, bad, monkeypatch):
    """Whatever it holds, nothing is written outside of the scratch folder."""
    inside = tmp_path / "scratch"
    inside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    (tmp_path / "bad.tar").write_bytes(BAD[bad])

    def unpack(path):
        with open_release(path):
            pass

    error = refused(tmp_path / "bad.tar", unpack)

    assert str(tmp_path / "bad.tar") == error.place
    assert 1 == len(str(error).splitlines())
    assert ["bad.tar", "scratch"] == sorted(entry.name for entry in tmp_path.iterdir())
    assert [] == list(inside.iterdir())


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("link", "'digits-1.2.0/a' is not a regular file"),
        ("climbs", "'digits-1.2.0/../../escaped' is not a plain path"),
        ("file and folder", "'digits-1.2.0/a' is a file and a folder"),
        ("twice", "'digits-1.2.0/a' twice"),
        ("two folders", "2 folders at the top"),
        ("a large size", "truncated: 'digits-1.2.0/a' has 8589934591 bytes"),
        ("an owner", "not written as `litemill release` writes these files"),
    ],
)
def test_a_refusal_says_what_is_wrong(tmp_path, bad, found):
    """Before anything is unpacked; the comparison of all bytes comes last."""
    (tmp_path / "bad.tar").write_bytes(BAD[bad])

    assert found in refused(tmp_path / "bad.tar").found


@pytest.mark.parametrize("bad", ["absolute", "link", "hard link", "device", "climbs", None])
def test_a_release_is_read_by_each_python_that_is_supported(tmp_path, bad, monkeypatch):
    """Python 3.11.2, which Debian 12 has, knows no filters of tarfile."""
    for name in ("data_filter", "FilterError"):
        monkeypatch.delattr(tarfile, name, raising=False)
    (tmp_path / "some.tar").write_bytes(BAD[bad] if bad else tar(member()))

    if bad:
        assert "expected regular files below one folder" in str(refused(tmp_path / "some.tar"))
    else:
        with open_release(tmp_path / "some.tar") as release:
            assert ("a",) == release.names


def test_a_file_that_is_none_is_not_read(tmp_path):
    """A pipe would never end."""
    import os

    os.mkfifo(tmp_path / "pipe.tar")

    assert "not a regular file" == refused(tmp_path / "pipe.tar").found
    assert "no such file" == refused(tmp_path / "none.tar").found
