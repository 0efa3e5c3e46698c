"""One line of a grid: an option and its values, in the grammar of Hydra's overrides."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from litemill.config.schema.variant import Variant
from litemill.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 100_000  # values that one option may have: a range is not written out before it is counted


@dataclass(frozen=True)
class Axis:
    """One option and the values that it takes."""

    key: str  # dotted, such as calibration.samples
    values: tuple[Any, ...]  # as the schema has them, each once, in the grid's order
    interval: tuple[int, int] | None = None  # instead: any whole number, both ends included


@cache
def option_types() -> dict[str, Any]:
    """Return the type of every option of a variant, by dotted name."""
    return dict(_options(Variant, ""))


def _options(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        hint, name = hints[field.name], f"{path}{field.name}"
        if dataclasses.is_dataclass(hint):
            yield from _options(hint, f"{name}.")
        else:
            yield name, hint


def parse_override(word: str, place: str) -> Axis:
    """Read one line of a grid; its values are not yet held against the schema.

    Args:
        word: such as `batch=1,4`.
        place: what errors call the grid.

    Raises:
        ConfigError: no override, an unknown option, or what a sweep makes nothing of.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import IntervalSweep, OverrideType
    from hydra.errors import HydraException

    where = f"{place}: {word}"
    try:
        override = OverridesParser.create().parse_override(word)
        key = override.key_or_group
        if override.type is not OverrideType.CHANGE or override.package is not None:
            raise ConfigError(where, "no choice of values", "expected OPTION=VALUES")
        if key not in option_types():
            raise ConfigError(f"{place}: {key}", "unknown option", _near(key))
        value = override.value()
        _refuse_ignored(value, where)
        if isinstance(value, IntervalSweep):
            return Axis(key, (), _interval(key, value, place))
        plain = list(_values(key, value, place))
    except HydraException as error:
        raise ConfigError(where, _first_line(error), "expected OPTION=VALUES") from None
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(where, str(error), "expected values, or one range of numbers") from None
    if not plain:
        raise ConfigError(where, "no values", "expected at least one")
    if any("${" in str(one) for one in plain):
        found = "an interpolation, and a grid is read without the configuration around it"
        raise ConfigError(where, found, "expected the values")
    return Axis(key, tuple(plain))


def _refuse_ignored(value: Any, where: str) -> None:
    """Refuse what Hydra's grammar can say of values and a sweep makes nothing of."""
    if getattr(value, "shuffle", False):
        found = "a shuffle, and points are tried and listed in the order of the grid"
        raise ConfigError(where, found, "expected the values; search=random tries some by chance")
    if getattr(value, "tags", None):
        raise ConfigError(where, "a tag, which means nothing here", "expected the values alone")


def _near(key: str) -> str:
    known = option_types()
    # `samples` is meant to be `calibration.samples`, though it looks more like other words.
    inner = [name for name in known if name.rpartition(".")[2] == key]
    return f"did you mean {inner[0]!r}?" if inner else nearest(key, known)


def _values(key: str, value: Any, place: str) -> Iterator[Any]:
    from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep

    if isinstance(value, ChoiceSweep):
        yield from (_plain(one) for one in value.list)
    elif isinstance(value, Glob):
        known = getattr(option_types()[key], "__members__", None)
        if known is None:
            found = "a glob for an option that is no choice of words"
            raise ConfigError(f"{place}: {key}", found, "expected values")
        yield from value.filter(list(known))
    elif isinstance(value, RangeSweep):
        start, stop, step = (float(x or 0) for x in (value.start, value.stop, value.step))
        if step and (count := math.ceil((stop - start) / step)) > MOST:
            found = f"a range of {count:,} values"
            raise ConfigError(f"{place}: {key}", found, f"expected at most {MOST:,}")
        yield from value.range()
    else:
        yield _plain(value)


def _plain(value: Any) -> Any:
    from hydra.core.override_parser.types import Glob, QuotedString, Sweep

    if isinstance(value, (Glob, Sweep)):
        kind = type(value).__name__.removesuffix("Sweep").lower()
        raise ValueError(f"{kind}() among other values")  # noqa: TRY004  # the user's error
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _interval(key: str, value: Any, place: str) -> tuple[int, int]:
    if int not in (option_types()[key], *get_args(option_types()[key])):
        found = "an interval for an option that is no number"
        raise ConfigError(f"{place}: {key}", found, "expected values")
    low, high = math.ceil(value.start), math.floor(value.end)
    if low > high:
        raise ConfigError(f"{place}: {key}", "an empty interval", "expected interval(LOW,HIGH)")
    return low, high


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
