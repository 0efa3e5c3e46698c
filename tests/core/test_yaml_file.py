from __future__ import annotations

import os
import time

import pytest

from litemill.core.errors import ConfigError
from litemill.core.yaml_file import read

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)
)


def refusal(tmp_path, content):
    """Return the error of a file, which comes within a second."""
    path = tmp_path / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read(path, "x.yaml")
    assert time.monotonic() - start < 1
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return caught.value


@pytest.mark.parametrize(
    "value",
    ["010", "1:30", "1_0", "yes", "no", "on", "Off", "0b11", "0o17", "09", "1_0.5", "1:30.5"],
)
def test_what_yaml_1_1_and_1_2_read_differently_is_refused(tmp_path, value):
    """As a value, in a list and as a key; in quotes it is text."""
    for text in (f"a: {value}", f"a: [{value}]", f"{value}: 1"):
        error = refusal(tmp_path, text + "\n")
        assert "x.yaml:1" == error.place
        assert value in error.found
    (tmp_path / "x.yaml").write_text(f"a: '{value}'\n")
    assert {"a": value} == read(tmp_path / "x.yaml", "x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-0", 0),
        ("0x1f", 31),
        ("1e-4", 1e-4),
        ("+.5", 0.5),
        ("1.", 1.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("v1_0", "v1_0"),
        ("2026-01-01", "2026-01-01"),
        ("a:b", "a:b"),
    ],
)
def test_values_that_are_the_same_in_both_are_read(tmp_path, text, value):
    """As before."""
    (tmp_path / "x.yaml").write_text(f"a: {text}\n")

    assert {"a": value} == read(tmp_path / "x.yaml", "x.yaml")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (LAUGHS, "aliases of aliases"),
        ("a: &a [*a]\n", "an alias of what it is in"),
        ("a: &a {b: *a}\n", "an alias of what it is in"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ("{a: " * 60 + "}" * 60, "nested too deeply"),
        ("[" * 100_000, "not YAML"),
        ("{a: " * 100_000, "nested too deeply"),
        (f"a: {'9' * 100_000}\n", "a number of 100,000 characters"),
        ("a: 1\n".encode("utf-16"), "UTF-16"),
        (b"a: \xff\n", "not UTF-8 (byte 3 is 0xff)"),
        (b"\x7fELF\0\0\0", "a binary file"),
        (b"#" * (1 << 21), "2,097,152 bytes"),
        ("a: !!python/name:os.system x\n", "the tag tag:yaml.org,2002:python/name:os.system"),
        ("a: !!binary aGk=\n", "the tag tag:yaml.org,2002:binary"),
        ("? [a, b]\n: 1\n", "a key that is no text"),
        ("a: 1\na: 2\n", "'a' is there twice"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_hostile_files_are_refused_in_one_line_within_a_second(tmp_path, content, found):
    """Whatever the parser would do with them."""
    assert found == refusal(tmp_path, content).found


def test_a_pipe_is_not_waited_for(tmp_path):
    """Nor is a folder read."""
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path / "x.yaml", "x.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        read(tmp_path, "x.yaml")


def test_an_alias_is_read_where_it_is_small(tmp_path):
    """It saves writing."""
    (tmp_path / "x.yaml").write_text("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n")

    assert {"a": {"x": 1}, "b": {"x": 1, "y": 2}} == read(tmp_path / "x.yaml", "x.yaml")
