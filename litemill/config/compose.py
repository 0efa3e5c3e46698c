"""conf/ and params.yaml composed into one tree, and where each key came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litemill.config import cli_overrides
from litemill.config.cli_overrides import parse_overrides
from litemill.config.experiment import read_experiment
from litemill.config.hydra_compose import OVERRIDES, compose_words, resolve, runtime_choices
from litemill.config.selection import (
    LISTS,
    NAMED,
    PACKAGE_CONF,
    choices,
    default_choices,
    place_of,
    read_mapping,
    read_selection,
    selectable_keys,
)
from litemill.core.errors import ConfigError, ErrorGroup, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from litemill.core.errors import LitemillError


@dataclass(frozen=True)
class Composed:
    """The configuration before it is checked against the schema."""

    root: Path  # the project
    tree: dict[str, Any]  # what was composed, in plain values
    choices: dict[str, str]  # by group, such as model -> digits_cnn
    # What lies over the choices, the uppermost first: how a place begins, and the keys.
    layers: list[tuple[str, Mapping[str, Any]]]

    def place(self, path: str) -> str:
        """Name the file and key that a path such as `variants.int8.route` came from."""
        for begin, tree in self.layers:
            if _holds(tree, path.split(".")):
                return f"{begin}{path}"
        group, _, rest = path.partition(".")
        choice = self.choices.get(group)
        if group in NAMED:
            group = NAMED[group]
            choice, _, rest = rest.partition(".")
        if choice:
            file = place_of(self.root, group, choice)
            return f"{file}: {rest}" if rest else file
        package = read_mapping(PACKAGE_CONF / "defaults.yaml", "litemill/conf/defaults.yaml")
        return f"{'litemill/conf/defaults' if group in package else 'conf/config'}.yaml: {path}"

    def below(self, path: str) -> Callable[[str], str]:
        """Return what names the places of keys below a path, as `place` does."""
        return lambda key: self.place(f"{path}.{key}")


def compose(root: Path, words: Sequence[str] = ()) -> Composed:
    """Compose the choices of params.yaml, then its overrides, its experiment, and a command line.

    `words` are of Hydra's grammar, such as `train.epochs=3` or `model=mine`.

    Raises:
        LitemillError: a file is missing or no YAML, or a choice does not exist; all of them.
    """
    changes = parse_overrides(words, selectable_keys(root))
    selection = read_selection(root, changes.selection)
    experiment = read_experiment(root, selection.get("experiment"))
    if errors := list(_unknown_entries(root, selection, changes.tree, cli_overrides.PLACE)):
        raise ErrorGroup(errors)
    overridden = set(experiment.choices) - set(changes.selection)
    config = compose_words(
        root, list(_words(root, selection, overridden)), changes.words, selection["overrides"]
    )
    layers = [
        (f"{cli_overrides.PLACE}: ", changes.tree),
        (f"{experiment.place}: ", experiment.values),
        ("params.yaml: overrides.", selection["overrides"]),
        ("conf/config.yaml: ", read_mapping(root / "conf/config.yaml", "conf/config.yaml")),
    ]
    composed = Composed(root, {}, runtime_choices(config), layers)
    tree = resolve(config, composed.place)
    if errors := list(_unknown_entries(root, selection, tree, experiment.place)):
        raise ErrorGroup(errors)
    for key in LISTS:
        if isinstance(entries := tree.get(key), dict):
            tree[key] = {name: entries[name] for name in selection[key] if name in entries}
    if isinstance(targets := tree.get("targets"), dict):
        named = _named_targets(tree.get("variants"))
        tree["targets"] = {name: targets[name] for name in targets if name in named}
    return replace(composed, tree=tree)


def _named_targets(variants: Any) -> set[str]:
    entries = variants.values() if isinstance(variants, dict) else ()
    return {str(entry.get("target", "cpu")) for entry in entries if isinstance(entry, dict)}


def _words(root: Path, selection: dict[str, Any], overridden: Collection[str]) -> Iterator[str]:
    """Write a selection as overrides of Hydra's defaults list, in the order of merging."""
    known = default_choices(root)
    for group, choice in selection.items():
        if group not in (*LISTS, "overrides", "experiment", *overridden):
            yield f"{'' if group in known else '+'}{group}={choice}"
    for key, group in LISTS.items():
        yield from (f"+{group}@{key}.{name}={name}" for name in selection[key])
    # Which of them variants name is known once these are composed.
    yield from (f"+target@targets.{name}={name}" for name in choices(root, "target"))
    if selection["overrides"]:
        yield f"+{OVERRIDES}=params"
    if "experiment" in selection:
        yield f"+experiment={selection['experiment']}"


def _unknown_entries(
    root: Path, selection: dict[str, Any], tree: Mapping[str, Any], place: str
) -> Iterator[LitemillError]:
    """List the variants, sweeps and targets of a tree that no file defines."""
    for key, group in NAMED.items():
        known = {*choices(root, group), *selection.get(key, ())}
        entries = tree.get(key)
        for name in entries if isinstance(entries, dict) else ():
            if name not in known:
                yield ConfigError(
                    f"{place}: {key}", f"no {name!r} in conf/{group}/", nearest(name, known)
                )


def _holds(tree: Any, keys: list[str]) -> bool:
    return not keys or (
        isinstance(tree, dict) and keys[0] in tree and _holds(tree[keys[0]], keys[1:])
    )
