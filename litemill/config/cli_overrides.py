"""Overrides of a command line in Hydra's grammar: `train.epochs=3 model=mine variants=[int8]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hydra.core.override_parser.types import Override

PLACE = "command line"


@dataclass
class CliOverrides:
    """What a command line changes."""

    selection: dict[str, Any] = field(default_factory=dict)  # keys of params.yaml; None removes one
    words: list[str] = field(default_factory=list)  # the others, for Hydra
    tree: dict[str, Any] = field(default_factory=dict)  # the keys of `words`, nested


def parse_overrides(words: Iterable[str], selectable: Collection[str]) -> CliOverrides:
    """Divide the words of a command line into choices, as params.yaml has them, and options.

    Raises:
        ConfigError: a word is no override, or has several values.
    """
    result = CliOverrides()
    for word in words:
        # `overrides.train.epochs=3` is how `dvc exp run -S` says it.
        override = parse_override(word.removeprefix("overrides."))
        key = override.key_or_group
        if key in selectable and override.package is None:
            result.selection[key] = None if override.is_delete() else override.value()
            continue
        result.words.append(_for_hydra(override))
        _insert(result.tree, key.split(".") if override.package is None else [])
    return result


def parse_override(
    word: str, one: str = "expected one; `litemill sweep` tries several"
) -> Override:
    """Parse an override of one value.

    `one` is what to say where it has several.

    Raises:
        ConfigError: it is no override, or has several values.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    place = f"{PLACE}: {word}"
    if word.startswith("-"):
        raise ConfigError(place, "unknown option", "`litemill configure --help` lists them")
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException as error:
        found = " ".join(str(error).split("\n")[0].split())
        raise ConfigError(place, found, "expected KEY=VALUE") from None
    if override.is_sweep_override():
        raise ConfigError(place, "several values", one)
    return override


def _for_hydra(override: Override) -> str:
    # The schema knows the keys and names the nearest one, which Hydra's refusal does not.
    line = override.input_line or ""
    plain = override.package is None and "/" not in override.key_or_group
    known = override.is_add() or override.is_force_add() or override.is_delete()
    return f"++{line}" if plain and not known else line


def _insert(tree: dict[str, Any], keys: list[str]) -> None:
    for key in keys:
        tree = tree.setdefault(key, {})
