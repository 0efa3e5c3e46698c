"""What a sweep is asked, checked: from conf/sweep/ or a command line."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from litemill.config import selection
from litemill.config.parameters import to_plain
from litemill.config.schema.sweep import Search, Sweep, SweepChoice, Sweeping
from litemill.conversion import grid, presets
from litemill.core.errors import ConfigError, ErrorGroup, LitemillError, collect_errors, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

LEAST = {"budget": 1, "limit": 1, "seed": 0, "workers": 1}


def resolve_sweep(
    choice: SweepChoice, root: Path, place: str, places: Mapping[str, str] | None = None
) -> Sweep:
    """Check a choice and give it with its base resolved.

    Args:
        choice: what was asked; its types are right.
        root: the project's folder.
        place: what errors call it.
        places: of settings, and of lines of the grid, that stand elsewhere.

    Raises:
        LitemillError: no such base or option, numbers out of range, too many points; all of it.
    """
    places = places or {}

    def of(setting: str) -> str:
        return f"{places.get(setting, place)}: {setting}"

    wrong = list(_out_of_range(choice, of))
    base = collect_errors(wrong, lambda: _base(choice, root, of))
    collect_errors(wrong, lambda: _check_grid(choice, place, places))
    if wrong or base is None:
        raise ErrorGroup(wrong)
    own = {field.name: getattr(choice, field.name) for field in dataclasses.fields(Sweeping)}
    return Sweep(**own, base=base)


def _out_of_range(choice: SweepChoice, of: Callable[[str], str]) -> Iterator[LitemillError]:
    for name, least in LEAST.items():
        value = getattr(choice, name)
        if value is not None and value < least:
            yield ConfigError(of(name), f"found {value}", f"expected at least {least}")
    if not (choice.timeout_seconds > 0 and math.isfinite(choice.timeout_seconds)):
        yield ConfigError(
            of("timeout_seconds"), f"found {choice.timeout_seconds}", "expected more than 0"
        )
    if not math.isfinite(choice.max_drop):
        yield ConfigError(of("max_drop"), f"found {choice.max_drop}", "expected a number")


def _base(choice: SweepChoice, root: Path, of: Callable[[str], str]) -> dict[str, Any]:
    known, name = selection.choices(root, "variant"), choice.base
    try:
        return {"name": name, "options": to_plain(presets.load_variant(name, root))}
    except ConfigError:
        if name in known:
            raise
        raise ConfigError(of("base"), f"no variant {name!r}", nearest(name, known)) from None


def _check_grid(choice: SweepChoice, place: str, places: Mapping[str, str]) -> None:
    limit = choice.limit if choice.search is Search.grid else None
    where = {line: f"{places[line]}: grid" for line in choice.grid if line in places}
    axes = grid.parse_grid(choice.grid, f"{place}: grid", limit, where)
    if choice.search is not Search.grid:
        of_budget = f"{places.get('budget', place)}: budget"
        grid.check_limit(choice.budget, choice.limit, of_budget)
        return
    for line, axis in zip(choice.grid, axes, strict=True):
        if axis.interval:
            found = "an interval, of which a grid has no points"
            expected = "expected range(...), or search=random or search=smallest"
            at = where.get(line, f"{place}: grid")
            raise ConfigError(f"{at}: {axis.key}", found, expected)
