"""Where two JSON documents differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_VALUE = 80  # characters of a value
MISSING = object()  # in the place of a value that is in one document only


class Difference(NamedTuple):
    """A value that differs."""

    path: str
    before: Any
    after: Any


def json_differences(
    before: Any, after: Any, path: str = "", *, lists: bool = True
) -> Iterator[Difference]:
    """Compare two documents down to single values, at paths such as `inputs.image.shape[1]`.

    Args:
        before: a value.
        after: another.
        path: of both.
        lists: whether lists of the same length are compared value by value.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else str(key)
            pair = before.get(key, MISSING), after.get(key, MISSING)
            yield from json_differences(*pair, inner, lists=lists)
    elif (
        lists and isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    ):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from json_differences(*pair, f"{path}[{number}]")
    elif before != after:
        yield Difference(path, before, after)


def short_json(value: Any) -> str:
    """Write a value in one line, shortened if it is long."""
    if value is MISSING:
        return "missing"
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
