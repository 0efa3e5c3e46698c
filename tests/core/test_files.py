from __future__ import annotations

import os

import pytest

from litemill.core.errors import LitemillError
from litemill.core.files import (
    atomic_replace,
    keep_only,
    read_json,
    remove,
    sha256,
    tree_files,
    tree_sha256,
    write_json,
    write_text,
)


def interrupted(target):
    """Begin to replace a file, and fail half-way."""
    with atomic_replace(target) as fresh:
        fresh.write_bytes(b"half")
        raise KeyboardInterrupt


def test_replacing_leaves_the_target_alone_until_the_block_ends(tmp_path):
    """Readers see the old file or the new one, nothing between."""
    target = tmp_path / "deep" / "file"
    write_text(target, "old")

    with atomic_replace(target) as fresh:
        fresh.write_bytes(b"new")
        assert "old" == target.read_text()

    assert "new" == target.read_text()
    assert [target] == list(target.parent.iterdir())


def test_replacing_keeps_what_was_there_when_the_block_fails(tmp_path):
    """Nor does it leave half a file behind."""
    target = tmp_path / "file"
    write_text(target, "old")

    with pytest.raises(KeyboardInterrupt):
        interrupted(target)

    assert "old" == target.read_text()
    assert [target] == list(tmp_path.iterdir())


def test_replacing_replaces_a_directory_as_a_whole(tmp_path):
    """No file of the old one stays."""
    target = tmp_path / "folder"
    write_text(target / "old", "")

    with atomic_replace(target) as fresh:
        fresh.mkdir()
        (fresh / "new").touch()

    assert ["new"] == tree_files(target)


def test_replacing_takes_over_from_a_killed_attempt(tmp_path):
    """What a killed process left is no obstacle, and no part of the result."""
    target = tmp_path / "folder"
    write_text(tmp_path / ".folder.new" / "leftover", "")

    with atomic_replace(target) as fresh:
        fresh.mkdir()

    assert [] == tree_files(target)


def test_replacing_turns_a_file_into_a_directory_and_back(tmp_path):
    """An artifact may change its kind between versions."""
    target = tmp_path / "it"
    write_text(target, "a file")

    with atomic_replace(target) as fresh:
        fresh.mkdir()
    assert target.is_dir()
    write_text(target, "a file")
    assert target.is_file()


def test_write_text_is_utf_8_and_keeps_line_ends(tmp_path):
    """Whatever the locale and the platform are."""
    write_text(tmp_path / "file", "ä\r\nö\n")

    assert "ä\r\nö\n".encode() == (tmp_path / "file").read_bytes()


def test_json_of_equal_values_has_equal_bytes(tmp_path):
    """Whatever the order of keys."""
    write_json(tmp_path / "one", {"b": 1, "a": {"d": 2.5, "c": "ä"}})
    write_json(tmp_path / "two", {"a": {"c": "ä", "d": 2.5}, "b": 1})

    assert sha256(tmp_path / "one") == sha256(tmp_path / "two")
    assert {"a": {"c": "ä", "d": 2.5}, "b": 1} == read_json(tmp_path / "one")


def test_json_has_no_nan(tmp_path):
    """NaN is no JSON; other programs could not read the file."""
    write_json(tmp_path / "file", 1)

    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "file", float("nan"))
    assert 1 == read_json(tmp_path / "file")


@pytest.mark.parametrize(("text", "told"), [(None, "no such file"), ("{", "not JSON")])
def test_read_json_names_the_file_that_it_cannot_read(tmp_path, text, told):
    """A missing file and a damaged one are told apart."""
    if text is not None:
        write_text(tmp_path / "file", text)

    with pytest.raises(LitemillError, match=rf"^{tmp_path}/file: {told}.*; .*dvc repro"):
        read_json(tmp_path / "file")


def test_tree_digest_is_of_names_and_contents(tmp_path):
    """Not of the place, the times or the order on disk."""
    for name in ("a/x", "a/y"):
        write_text(tmp_path / name, name[-1])
    for name in ("b/y", "b/x"):
        write_text(tmp_path / name, name[-1])
    os.utime(tmp_path / "b" / "x", (0, 0))
    assert tree_sha256(tmp_path / "a") == tree_sha256(tmp_path / "b")

    (tmp_path / "b" / "x").rename(tmp_path / "b" / "z")
    assert tree_sha256(tmp_path / "a") != tree_sha256(tmp_path / "b")


def test_tree_files_leaves_bytecode_out(tmp_path):
    """Importing a module is no edit."""
    write_text(tmp_path / "deep" / "module.py", "")
    write_text(tmp_path / "deep" / "__pycache__" / "module.pyc", "")

    assert ["deep/module.py"] == tree_files(tmp_path)


def test_keep_only_removes_everything_else(tmp_path):
    """Files, folders, and what a killed process left."""
    for name in ("a.json", "b.json", ".c.json.new", "folder/file"):
        write_text(tmp_path / name, "")

    keep_only(tmp_path, {"a.json"})
    keep_only(tmp_path / "absent", {"a.json"})

    assert ["a.json"] == tree_files(tmp_path)


def test_remove_takes_a_link_and_not_what_it_points_to(tmp_path):
    """DVC may link artifacts into its cache."""
    write_text(tmp_path / "cache" / "file", "")
    (tmp_path / "link").symlink_to(tmp_path / "cache")

    remove(tmp_path / "link")
    remove(tmp_path / "absent")

    assert ["cache/file"] == tree_files(tmp_path)
