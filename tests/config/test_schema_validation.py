from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import pytest

from litemill.config.schema import MISSING
from litemill.config.schema_validation import schema_errors, typed


class Kind(enum.Enum):
    """A choice."""

    small = enum.auto()
    large = enum.auto()


@dataclass
class Inner:
    """One level down."""

    samples: int = 100
    kind: Kind = Kind.small


@dataclass
class Outer:
    """One of everything."""

    needed: str = MISSING
    share: float = 0.5
    on: bool = False
    name: str | None = None
    free: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    many: dict[str, Inner] = field(default_factory=dict)


def reported(**tree):
    """Return the errors of a tree as text."""
    found = schema_errors({"needed": "x", **tree}, Outer, lambda path: f"<{path}>")
    return [str(error) for error in found]


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"share": 1, "on": True, "name": None, "free": {"any": [1]}, "names": ["a"]},
        {"inner": {"samples": 3, "kind": "large"}, "maybe": None},
        {"maybe": {"samples": 3}, "many": {"a": {}, "b": {"kind": "small"}}},
    ],
)
def test_a_tree_that_fits_has_no_faults(tree):
    """And becomes its dataclass."""
    assert [] == reported(**tree)
    assert isinstance(typed({"needed": "x", **tree}, Outer), Outer)


def test_a_tree_that_fits_keeps_its_values():
    """Choices become members, what is not said takes its default."""
    found = typed({"needed": "x", "many": {"a": {"kind": "large"}}}, Outer)

    assert Outer(needed="x", many={"a": Inner(kind=Kind.large)}) == found


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"shares": 1}, "<shares>: unknown key; did you mean 'share'?"),
        ({"inner": {"sample": 1}}, "<inner.sample>: unknown key; did you mean 'samples'?"),
        ({"many": {"a": {"x": 1}}}, "<many.a.x>: unknown key; expected one of: kind, samples"),
        ({"share": "much"}, "<share>: found 'much'; expected a number"),
        ({"on": 3}, "<on>: found 3; expected true or false"),
        ({"names": "a"}, "<names>: found 'a'; expected a list"),
        ({"free": [1]}, "<free>: found [1]; expected a mapping"),
        ({"name": {"a": 1}}, "<name>: found {'a': 1}; expected text or null"),
        ({"inner": 3}, "<inner>: found 3; expected a mapping of options"),
        ({"inner": None}, "<inner>: found None; expected a mapping of options"),
        ({"many": [1]}, "<many>: found [1]; expected a mapping"),
        ({"inner": {"samples": 2.5}}, "<inner.samples>: found 2.5; expected a whole number"),
        ({"inner": {"samples": True}}, "<inner.samples>: found True; expected a whole number"),
        ({"inner": {"samples": None}}, "<inner.samples>: found None; expected a whole number"),
        ({"maybe": {"samples": "x"}}, "<maybe.samples>: found 'x'; expected a whole number"),
        ({"inner": {"kind": "smal"}}, "<inner.kind>: found 'smal'; did you mean 'small'?"),
        ({"inner": {"kind": 1}}, "<inner.kind>: found 1; expected one of: large, small"),
        (
            {"inner": {"kind": "Kind.small"}},
            "<inner.kind>: found 'Kind.small'; did you mean 'small'?",
        ),
        ({"needed": MISSING}, "<needed>: missing; expected text"),
    ],
)
def test_a_fault_names_the_place_what_was_found_and_what_was_expected(tree, expected):
    """One line each, with the nearest name where there is one."""
    assert [expected] == reported(**tree)


def test_a_missing_value_is_a_fault():
    """A key that has to be set, and is not there at all."""
    found = schema_errors({}, Outer, lambda path: path)

    assert ["needed: missing; expected text"] == [str(error) for error in found]


def test_all_faults_are_reported():
    """Not the first of them."""
    tree = {"share": "x", "inner": {"kind": "y", "z": 1}, "many": {"a": 3}}

    assert 4 == len(reported(**tree))
