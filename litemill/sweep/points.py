"""The points of a sweep: whole variants, each once, whatever the grid that led to it."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import to_plain
from litemill.config.schema.variant import Calibration, Selection, Variant
from litemill.conversion import option_conflicts, recipes

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


def expand_grid(
    base: Variant, axes: Sequence[Axis], objection: Callable[[Variant], str | None]
) -> list[Point]:
    """Return the points of a grid in its order, the last option turning fastest, each once.

    Args:
        base: what the grid does not say.
        axes: the grid, without intervals.
        objection: what the inputs have against a variant.
    """
    keys = [axis.key for axis in axes]
    every = itertools.product(*(axis.values for axis in axes))
    return drop_duplicates(
        make_point(base, dict(zip(keys, values, strict=True)), objection) for values in every
    )


def drop_duplicates(points: Iterable[Point]) -> list[Point]:
    """Leave out points that came before."""
    found: dict[str, Point] = {}
    for one in points:
        found.setdefault(one.name, one)
    return list(found.values())


def make_point(
    base: Variant, chosen: Mapping[str, Any], objection: Callable[[Variant], str | None]
) -> Point:
    """Return one point.

    Args:
        base: what is not chosen.
        chosen: values as the schema has them, by dotted option.
        objection: what the inputs have against a variant.
    """
    asked = base
    for key, value in chosen.items():
        asked = _with(asked, key, value)
    variant = canonical(asked)
    idle = {key for key in chosen if _of(asked, key) != _of(variant, key) or _idle(asked, key)}
    plain = to_plain(variant) | {"recipe": recipe_named(variant.recipe)}
    shown = {key: _of_words(plain, key) for key in chosen if key not in idle}
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
    text = json.dumps(to_plain(variant), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LETTERS]


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


def _of(variant: Variant, key: str) -> Any:
    found: Any = variant
    for part in key.split("."):
        found = getattr(found, part)
    return found


def _of_words(options: Mapping[str, Any], key: str) -> Any:
    found: Any = options
    for part in key.split("."):
        found = found[part]
    return found
