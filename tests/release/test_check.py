"""Hostile and damaged archives: refused in one line, and nothing escapes."""

from __future__ import annotations

import gzip
import io

import pytest
from tars import BAD, refused

from litemill.release.archive import GZIP_HEADER


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_archive_is_refused_in_one_line_and_nothing_escapes(tmp_path, bad, monkeypatch):
    """Whatever it holds, nothing is written outside of the scratch folder."""
    inside = tmp_path / "scratch"
    inside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    (tmp_path / "bad.tar.gz").write_bytes(BAD[bad])

    told = refused(tmp_path / "bad.tar.gz")

    assert 1 == len(told.splitlines())
    assert ["bad.tar.gz", "scratch"] == sorted(entry.name for entry in tmp_path.iterdir())
    assert [] == list(inside.iterdir())


def test_a_hostile_archive_is_refused_quickly(tmp_path):
    """Not unpacked to see how large it is."""
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as file:
        file.write(b"\0" * (256 << 20))
    content = GZIP_HEADER + stream.getvalue()[10:]
    (tmp_path / "bomb.tar.gz").write_bytes(content)

    assert f"unpacks to more than {8 * len(content)} bytes" in refused(tmp_path / "bomb.tar.gz")
