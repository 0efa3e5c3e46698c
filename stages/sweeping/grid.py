"""Grids: options of a variant and their values, in the grammar of Hydra's overrides."""

from __future__ import annotations

import dataclasses
import enum
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from stages import conform, recipes
from stages.errors import ConfigError, LitemillError, SeveralErrors, nearest
from stages.schema.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
MOST = 100_000  # values that one option may have: a range is not written out before it is counted


@dataclass(frozen=True)
class Axis:
    """One option and the values that it takes."""

    key: str  # dotted, such as calibration.samples
    values: tuple[Any, ...]  # as the schema has them, each once, in the grid's order
    interval: tuple[int, int] | None = None  # instead: any whole number, both ends included


@cache
def options() -> dict[str, Any]:
    """Give the type of every option of a variant, by dotted name."""
    return dict(_options(Variant, ""))


def _options(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        hint, name = hints[field.name], f"{path}{field.name}"
        if dataclasses.is_dataclass(hint):
            yield from _options(hint, f"{name}.")
        else:
            yield name, hint


def parse(words: Iterable[str], place: str, limit: int | None = None) -> list[Axis]:
    """Read a grid.

    Args:
        words: such as `calibration.samples=20,50,100`, `batch=range(1,5)`, `optimization=glob(*8)`;
            for a search also `calibration.samples=interval(10,150)`.
        place: what errors call it.
        limit: points that it may have; more are refused before their values are looked at.

    Raises:
        SeveralErrors: no overrides, unknown options, or values that they cannot have; all of them.
    """
    wrong = list[LitemillError]()
    read = _each(list(words), lambda word: _axis(word, place), wrong)
    if limit is not None and not wrong:
        refuse_more(combinations(read), limit, place)
    axes = _each(read, lambda axis: _typed(axis, place), wrong)
    keys = [axis.key for axis in axes]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        wrong.append(ConfigError(f"{place}: {key}", "is there twice", "expected each option once"))
    if wrong:
        raise SeveralErrors(wrong)
    if not axes:
        raise ConfigError(place, "an empty grid", "expected options such as batch=1,4")
    return axes


def _each(given: list[T], call: Callable[[T], Axis], wrong: list[LitemillError]) -> list[Axis]:
    found = []
    for one in given:
        try:
            found.append(call(one))
        except SeveralErrors as several:
            wrong += several.errors
        except LitemillError as error:
            wrong.append(error)
    return found


def combinations(axes: Iterable[Axis]) -> int:
    """Count the points of a grid, duplicates included."""
    ends = (axis.interval for axis in axes)
    sizes = [
        len(axis.values) if pair is None else pair[1] - pair[0] + 1
        for axis, pair in zip(axes, ends, strict=True)
    ]
    return math.prod(sizes)


def refuse_more(count: int, limit: int, place: str) -> None:
    """Refuse a grid of more points than `limit`.

    Raises:
        ConfigError: it has more; how many.
    """
    if count > limit:
        told = f"{count:,} points, and the limit is {limit:,}"
        expected = f"limit={count} allows them; search=random budget=100 tries some"
        raise ConfigError(place, told, expected)


def _axis(word: str, place: str) -> Axis:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import IntervalSweep, OverrideType
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
        key = override.key_or_group
        if override.type is not OverrideType.CHANGE or override.package is not None:
            raise ConfigError(f"{place}: {word}", "no choice of values", "expected OPTION=VALUES")
        if key not in options():
            raise ConfigError(f"{place}: {key}", "unknown option", _near(key))
        value = override.value()
        if isinstance(value, IntervalSweep):
            return Axis(key, (), _interval(key, value, place))
        plain = list(_values(key, value, place))
    except HydraException as error:
        raise ConfigError(
            f"{place}: {word}", _first_line(error), "expected OPTION=VALUES"
        ) from None
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(f"{place}: {word}", str(error), "expected a range of numbers") from None
    if not plain:
        raise ConfigError(f"{place}: {word}", "no values", "expected at least one")
    return Axis(key, tuple(plain))


def _near(key: str) -> str:
    known = options()
    # `samples` is meant to be `calibration.samples`, though it looks more like other words.
    inner = [name for name in known if name.rpartition(".")[2] == key]
    return f"did you mean {inner[0]!r}?" if inner else nearest(key, known)


def _values(key: str, value: Any, place: str) -> Iterator[Any]:
    from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep

    if isinstance(value, ChoiceSweep):
        yield from (_plain(one) for one in value.list)
    elif isinstance(value, Glob):
        known = getattr(options()[key], "__members__", None)
        if known is None:
            told = "a glob for an option that is no choice of words"
            raise ConfigError(f"{place}: {key}", told, "expected values")
        yield from value.filter(list(known))
    elif isinstance(value, RangeSweep):
        start, stop, step = (float(x or 0) for x in (value.start, value.stop, value.step))
        if step and (count := math.ceil((stop - start) / step)) > MOST:
            told = f"a range of {count:,} values"
            raise ConfigError(f"{place}: {key}", told, f"expected at most {MOST:,}")
        yield from value.range()
    else:
        yield _plain(value)


def _plain(value: Any) -> Any:
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _interval(key: str, value: Any, place: str) -> tuple[int, int]:
    if int not in (options()[key], *get_args(options()[key])):
        told = "an interval for an option that is no number"
        raise ConfigError(f"{place}: {key}", told, "expected values")
    low, high = math.ceil(value.start), math.floor(value.end)
    if low > high:
        raise ConfigError(f"{place}: {key}", "an empty interval", "expected interval(LOW,HIGH)")
    return low, high


def _typed(axis: Axis, place: str) -> Axis:
    """Give each value once, as the schema has it."""
    wrong = list[LitemillError]()
    once = {(type(value), str(value)): value for value in axis.values}
    values = [_value(axis.key, value, place, wrong) for value in once.values()]
    if wrong:
        raise SeveralErrors(wrong)
    return Axis(axis.key, tuple(values), axis.interval)


def _value(key: str, value: Any, place: str, wrong: list[LitemillError]) -> Any:
    hint = options()[key]
    if hint is int and type(value) is int:
        return value  # most of a range, and nothing to say about it
    if found := conform.faults(_nested(key, value), Variant, lambda path: f"{place}: {path}"):
        wrong += found
    elif key == "recipe" and value is not None:
        try:
            return recipes.resolve(value, f"{place}: {key}")
        except LitemillError as error:
            wrong.append(error)
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint[value]
    return value


def _nested(key: str, value: Any) -> dict[str, Any]:
    outer, _, inner = key.partition(".")
    return {outer: {inner: value}} if inner else {outer: value}


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
