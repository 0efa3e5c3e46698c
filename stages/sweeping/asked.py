"""What a sweep is asked, checked: from conf/sweep/, or from the words of a command line."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stages import chosen, conform, presets
from stages.errors import ConfigError, LitemillError, SeveralErrors, nearest
from stages.run import words
from stages.schema.sweep import Search, Sweep, SweepChoice, Sweeping
from stages.sweeping import grid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SETTINGS = tuple(field.name for field in dataclasses.fields(SweepChoice) if field.name != "grid")


def resolved(choice: SweepChoice, root: Path, place: str) -> Sweep:
    """Check a choice and give it with its base resolved.

    Args:
        choice: what was asked; its types are right.
        root: the project's folder.
        place: what errors call it.

    Raises:
        LitemillError: no such base or option, numbers out of range, too many points; all of it.
    """
    wrong = list[LitemillError]()
    least = {"budget": 1, "limit": 1, "seed": 0, "workers": 1, "seconds": 0, "max_drop": -math.inf}
    for name, bound in least.items():
        value = getattr(choice, name)
        if value is not None and not (value >= bound and math.isfinite(value)):
            told = "expected a number" if bound == -math.inf else f"expected at least {bound}"
            wrong.append(ConfigError(f"{place}: {name}", f"found {value}", told))
    base: dict[str, Any] = {}
    try:
        base = {"name": choice.base, "options": words(presets.variant(choice.base, root))}
    except SeveralErrors as several:
        wrong += several.errors
    except ConfigError:
        known = chosen.choices(root, "variant")
        told = nearest(choice.base, known)
        wrong.append(ConfigError(f"{place}: base", f"no variant {choice.base!r}", told))
    try:
        _check_grid(choice, place)
    except SeveralErrors as several:
        wrong += several.errors
    except LitemillError as error:
        wrong.append(error)
    if wrong:
        raise SeveralErrors(wrong)
    own = {field.name: getattr(choice, field.name) for field in dataclasses.fields(Sweeping)}
    return Sweep(**own, base=base)


def from_words(given: Iterable[str], root: Path) -> tuple[SweepChoice, str]:
    """Read the words of a command line: settings of the sweep, and the grid.

    `sweep=NAME` starts from conf/sweep/NAME.yaml, whose grid loses the options that are given anew.
    With nothing but settings, conf/sweep/default.yaml is meant.

    Returns:
        The choice, and the name of the file that it starts from, or "grid".

    Raises:
        LitemillError: a word is no override, or a setting cannot have its value.
    """
    settings, lines = dict[str, Any](), list[str]()
    for word in given:
        key, equals, _ = word.partition("=")
        if key in (*SETTINGS, "sweep"):
            settings[key] = _value(word)
        elif not equals and "(" not in key:
            raise ConfigError(f"command line: {word}", "no override", "expected OPTION=VALUES")
        else:
            lines.append(word)
    name = settings.pop("sweep", None if lines else "default")
    choice = SweepChoice() if name is None else _file(str(name), root)
    wrong = conform.faults(settings, SweepChoice, lambda path: f"command line: {path}")
    if wrong:
        raise SeveralErrors(wrong)
    typed: SweepChoice = conform.typed(settings, SweepChoice)
    anew = {line.partition("=")[0] for line in lines}
    kept = [line for line in choice.grid if line.partition("=")[0] not in anew]
    changed: dict[str, Any] = {key: getattr(typed, key) for key in settings}
    return replace(choice, **changed, grid=[*kept, *lines]), str(name or "grid")


def _file(name: str, root: Path) -> SweepChoice:
    known = chosen.choices(root, "sweep")
    if name not in known:
        raise ConfigError(f"conf/sweep/{name}.yaml", "no such file", nearest(name, known))
    place = f"conf/sweep/{name}.yaml"
    tree = chosen.mapping(root / place, place)
    if wrong := conform.faults(tree, SweepChoice, lambda path: f"{place}: {path}"):
        raise SeveralErrors(wrong)
    found: SweepChoice = conform.typed(tree, SweepChoice)
    return found


def _value(word: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException as error:
        told = " ".join(str(error).split())
        raise ConfigError(f"command line: {word}", told, "expected NAME=VALUE") from None
    if override.is_sweep_override():
        told = "several values for a setting of the sweep"
        raise ConfigError(f"command line: {word}", told, "expected one")
    return override.value()


def _check_grid(choice: SweepChoice, place: str) -> None:
    where = f"{place}: grid"
    limit = choice.limit if choice.search is Search.grid else None
    axes = grid.parse(choice.grid, where, limit)
    if choice.search is Search.grid:
        for axis in axes:
            if axis.interval:
                told = "an interval, of which a grid has no points"
                expected = "expected range(...), or search=random or search=smallest"
                raise ConfigError(f"{where}: {axis.key}", told, expected)
    else:
        grid.refuse_more(choice.budget, choice.limit, f"{place}: budget")
