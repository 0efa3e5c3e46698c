"""Grids: options of a variant and their values, in the grammar of Hydra's overrides."""

from __future__ import annotations

import enum
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from litemill.config import schema_validation
from litemill.config.schema.variant import Variant
from litemill.conversion import grid_override, recipes
from litemill.conversion.grid_override import Axis, option_types
from litemill.core.errors import ConfigError, ErrorGroup, LitemillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")
U = TypeVar("U")


def parse_grid(
    words: Iterable[str],
    place: str,
    limit: int | None = None,
    places: Mapping[str, str] | None = None,
) -> list[Axis]:
    """Read a grid.

    Args:
        words: such as `calibration.samples=20,50,100`, `batch=range(1,5)`, `optimization=glob(*8)`;
            for a search also `calibration.samples=interval(10,150)`.
        place: what errors call it.
        limit: points that it may have; more are refused before their values are looked at.
        places: of words that stand elsewhere.

    Raises:
        SeveralErrors: no overrides, unknown options, or values that they cannot have; all of them.
    """
    wrong = list[LitemillError]()
    at = [(word, (places or {}).get(word, place)) for word in words]
    read = _each(at, lambda one: (grid_override.parse_override(*one), one[1]), wrong)
    if limit is not None and not wrong:
        whole = next((where for _, where in read if where != place), place)
        check_limit(combinations(axis for axis, _ in read), limit, whole)
    axes = _each(read, lambda one: _typed(*one), wrong)
    wrong += _twice(read)
    if wrong:
        raise ErrorGroup(wrong)
    if not axes:
        raise ConfigError(place, "an empty grid", "expected options such as batch=1,4")
    return axes


def _each(given: Iterable[T], call: Callable[[T], U], wrong: list[LitemillError]) -> list[U]:
    found = []
    for one in given:
        try:
            found.append(call(one))
        except ErrorGroup as several:
            wrong += several.errors
        except LitemillError as error:
            wrong.append(error)
    return found


def _twice(read: Iterable[tuple[Axis, str]]) -> Iterator[LitemillError]:
    seen = Counter[str]()
    for axis, place in read:
        seen[axis.key] += 1
        if seen[axis.key] == 2:  # noqa: PLR2004  # not again at the third time
            yield ConfigError(f"{place}: {axis.key}", "is there twice", "expected each option once")


def combinations(axes: Iterable[Axis]) -> int:
    """Count the points of a grid, duplicates included."""
    return math.prod(map(_size, axes))


def _size(axis: Axis) -> int:
    if axis.interval is None:
        return len(axis.values)
    low, high = axis.interval
    return high - low + 1


def check_limit(count: int, limit: int, place: str) -> None:
    """Refuse a grid of more points than `limit`.

    Raises:
        ConfigError: it has more; how many.
    """
    if count > limit:
        found = f"{count:,} points, and the limit is {limit:,}"
        expected = f"limit={count} allows them; search=random budget=100 tries some"
        raise ConfigError(place, found, expected)


def _typed(axis: Axis, place: str) -> Axis:
    """Yield each value once, as the schema has it."""
    wrong = list[LitemillError]()
    once = {(type(value), str(value)): value for value in axis.values}
    values = [_value(axis.key, value, place, wrong) for value in once.values()]
    if wrong:
        raise ErrorGroup(wrong)
    return Axis(axis.key, tuple(values), axis.interval)


def _value(key: str, value: Any, place: str, wrong: list[LitemillError]) -> Any:
    hint = option_types()[key]
    if hint is int and type(value) is int:
        return value  # most of a range, and nothing to say about it
    if found := schema_validation.schema_errors(
        _nested(key, value), Variant, lambda path: f"{place}: {path}"
    ):
        wrong += found
    elif key == "recipe" and value is not None:
        try:
            return recipes.resolve_recipe(value, f"{place}: {key}")
        except LitemillError as error:
            wrong.append(error)
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint[value]
    return value


def _nested(key: str, value: Any) -> dict[str, Any]:
    outer, _, inner = key.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}
