from __future__ import annotations

import pytest

from litemill.release.json_diff import MAX_VALUE, MISSING, json_differences, short_json


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("a.b", 1, 3)]),
        ({"a": None}, {}, [("a", None, MISSING)]),
        ({}, {"a": 1}, [("a", MISSING, 1)]),
        ({"a": [{"b": 1}, 2]}, {"a": [{"b": 0}, 2]}, [("a[0].b", 1, 0)]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
        ([1, 2], [1, 3], [("[1]", 2, 3)]),
        ({"a": 1}, {"a": {"b": 1}}, [("a", 1, {"b": 1})]),
    ],
)
def test_differences_are_single_values_with_their_paths(before, after, expected):
    """A key that is missing differs from one that is null."""
    assert expected == list(json_differences(before, after))


def test_a_value_is_one_short_line():
    """However large it is."""
    assert '{"a": "é"}' == short_json({"a": "é"})
    assert "missing" == short_json(MISSING)
    assert MAX_VALUE + 1 == len(short_json(["long"] * 100))
