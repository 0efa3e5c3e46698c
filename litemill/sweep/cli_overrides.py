"""The words of a command line that ask for a sweep: settings, and lines of a grid."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litemill.config import selection
from litemill.config.cli_overrides import PLACE, parse_override
from litemill.config.schema.sweep import Engine, Search, SweepChoice
from litemill.config.schema_validation import checked
from litemill.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SETTINGS = tuple(field.name for field in dataclasses.fields(SweepChoice) if field.name != "grid")
# Settings that have a part in some sweeps only: with which setting, at which values.
PART = {
    "budget": ("search", (Search.random, Search.smallest)),
    "seed": ("search", (Search.random, Search.smallest)),
    "max_drop": ("search", (Search.smallest,)),
    "address": ("engine", (Engine.ray,)),
}


@dataclass(frozen=True)
class SweepCommand:
    """What a command line asks for."""

    choice: SweepChoice
    name: str  # of the file that it starts from, or "grid"
    place: str  # of what no word said
    places: dict[str, str]  # of settings and lines of the grid that are elsewhere


def parse_overrides(given: Iterable[str], root: Path) -> SweepCommand:
    """Read the words of a command line: settings of the sweep, and the grid.

    `sweep=NAME` starts from conf/sweep/NAME.yaml, whose grid loses the options that are given anew.
    With nothing but settings, conf/sweep/default.yaml is meant.

    Raises:
        LitemillError: a word is no override, is there twice or has no part in the sweep, or a
            setting cannot have its value.
    """
    settings, lines = _sorted(given)
    name = settings.pop("sweep", None if lines else "default")
    file = SweepChoice() if name is None else _file(str(name), root)
    typed = checked(settings, SweepChoice, PLACE)
    anew = {line.partition("=")[0] for line in lines}
    kept = [line for line in file.grid if line.partition("=")[0] not in anew]
    changed: dict[str, Any] = {key: getattr(typed, key) for key in settings}
    choice = replace(file, **changed, grid=[*kept, *lines])
    _refuse_idle(choice, settings)
    return SweepCommand(
        choice=choice,
        name=str(name or "grid"),
        place=PLACE if name is None else f"conf/sweep/{name}.yaml",
        places=dict.fromkeys((*settings, *lines), PLACE),
    )


def _sorted(given: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings, and the lines of a grid."""
    settings, lines = dict[str, Any](), list[str]()
    for word in given:
        key, equals, _ = word.partition("=")
        if key in settings:
            raise ConfigError(f"{PLACE}: {key}", "is there twice", "expected each setting once")
        if key in (*SETTINGS, "sweep"):
            settings[key] = parse_override(word, "expected one for a setting").value()
        elif not equals and "(" not in key:
            raise ConfigError(f"{PLACE}: {word}", "no override", "expected OPTION=VALUES")
        else:
            lines.append(word)
    return settings, lines


def _refuse_idle(choice: SweepChoice, settings: Iterable[str]) -> None:
    for key in settings:
        other, values = PART.get(key, ("search", tuple(Search)))
        if (found := getattr(choice, other)) not in values:
            expected = " or ".join(f"{other}={value.name}" for value in values)
            problem = f"has no part in a sweep with {other}={found.name}"
            raise ConfigError(f"{PLACE}: {key}", problem, f"expected {expected}")


def _file(name: str, root: Path) -> SweepChoice:
    known, place = selection.choices(root, "sweep"), f"conf/sweep/{name}.yaml"
    if name not in known:
        raise ConfigError(place, "no such file", nearest(name, known))
    return checked(selection.read_mapping(root / place, place), SweepChoice, place)
