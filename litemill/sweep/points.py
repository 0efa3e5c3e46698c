"""The points of a sweep: whole variants, each once, whatever the grid that led to it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from functools import cache, reduce
from operator import attrgetter, getitem
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import to_plain
from litemill.config.schema.variant import Calibration, Selection, Variant
from litemill.conversion import option_conflicts, recipes
from litemill.core.files import json_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from litemill.conversion.grid_override import Axis

LETTERS = 10  # of a point's name


@dataclass(frozen=True)
class Point:
    """A variant to try."""

    name: str  # of the options alone: the same in every sweep
    variant: Variant
    options: dict[str, Any]  # what the grid varies; without those that make no difference here
    refused: str | None  # why there cannot be such a file


@dataclass(frozen=True)
class Space:
    """What a sweep chooses its points from."""

    base: Variant  # what the axes leave open
    axes: Sequence[Axis]
    objection: Callable[[Variant], str | None]  # what the inputs have against a variant

    def points(self) -> list[Point]:
        """Return all points, the last option turning fastest, each once."""
        keys = [axis.key for axis in self.axes]
        every = itertools.product(*map(_written_out, self.axes))
        return drop_duplicates(self.point(dict(zip(keys, values, strict=True))) for values in every)

    def point(self, chosen: Mapping[str, Any]) -> Point:
        """Return the point of some values, as the schema has them, by dotted option."""
        return make_point(self.base, chosen, self.objection)


def _written_out(axis: Axis) -> Sequence[Any]:
    return axis.values if axis.interval is None else range(axis.interval[0], axis.interval[1] + 1)


def drop_duplicates(points: Iterable[Point]) -> list[Point]:
    """Leave out points that came before."""
    found: dict[str, Point] = {}
    for one in points:
        found.setdefault(one.name, one)
    return list(found.values())


def make_point(
    base: Variant, chosen: Mapping[str, Any], objection: Callable[[Variant], str | None]
) -> Point:
    """Return the point of a variant in which some values are others; as `Space.point`."""
    asked = base
    for key, value in chosen.items():
        asked = _with(asked, key, value)
    variant = canonical(asked)
    plain = to_plain(variant) | {"recipe": recipe_named(variant.recipe)}
    shown = {
        key: reduce(getitem, key.split("."), plain)
        for key in chosen
        if attrgetter(key)(asked) == attrgetter(key)(variant) and not _idle(asked, key)
    }
    return Point(point_name(variant), variant, shown, refusal(asked, objection))


def canonical(variant: Variant) -> Variant:
    """Return the same file's options, those that make no difference at their defaults."""
    if not option_conflicts.needs_calibration(variant):
        return replace(variant, calibration=Calibration())
    if variant.calibration.selection is Selection.first:
        return replace(variant, calibration=replace(variant.calibration, seed=0))
    return variant


def point_name(variant: Variant) -> str:
    """Name a variant by its options."""
    return json_sha256(to_plain(variant))[:LETTERS]


def recipe_named(rules: Any) -> Any:
    """Return the name of a recipe that has these rules; the rules where none has."""
    if rules is None:
        return None
    return _recipes().get(json.dumps(rules, sort_keys=True), rules)


@cache
def _recipes() -> dict[str, str]:
    # Several names stand for the same rules; the shortest comes last, and stays.
    names = sorted(recipes.named_recipes(), key=len, reverse=True)
    return {json.dumps(recipes.resolve_recipe(one, one), sort_keys=True): one for one in names}


def refusal(variant: Variant, objection: Callable[[Variant], str | None]) -> str | None:
    """Return why there cannot be such a file, in one line; None when there can."""
    reasons = [str(conflict) for conflict in option_conflicts.conflicts(variant)]
    against = None if reasons else objection(variant)
    return " | ".join(reasons) or against


def _idle(variant: Variant, key: str) -> bool:
    """Return whether an option makes no difference in a variant."""
    outer, _, inner = key.partition(".")
    if outer != "calibration":
        return False
    first = variant.calibration.selection is Selection.first
    return not option_conflicts.needs_calibration(variant) or (inner == "seed" and first)


def _with(variant: Variant, key: str, value: Any) -> Variant:
    outer, _, inner = key.partition(".")
    if inner:
        value = replace(getattr(variant, outer), **{inner: value})
    changed: dict[str, Any] = {outer: value}
    return replace(variant, **changed)
