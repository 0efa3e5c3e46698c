"""params.yaml: what a project chooses, checked against what conf/ offers.

A choice is a YAML file in a folder of conf/, of the project or of the package; the project's file
lies over one of the same name in the package.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core import yaml_file
from litemill.core.errors import ConfigError, ErrorGroup, LitemillError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE_CONF = Path(__file__).resolve().parents[1] / "conf"  # pkg://litemill.conf
REQUIRED = ("model", "data", "train", "variants")
# Groups of which params.yaml chooses a list, by the key of that list.
LISTS = {"variants": "variant", "sweeps": "sweep"}
# Groups whose choices stand below a key by their names; of targets, those that variants name.
NAMED = {**LISTS, "targets": "target"}
# What Hydra takes for a key of the tree, without asking for another level of it.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def groups(root: Path) -> list[str]:
    """List the groups: the folders of conf/, of the project and of the package."""
    return sorted(
        {
            path.name
            for home in (root / "conf", PACKAGE_CONF)
            for path in home.glob("*/")
            if NAME.fullmatch(path.name) and path.name != "__pycache__"
        }
    )


def choices(root: Path, group: str) -> list[str]:
    """List the choices of a group, of the project and of the package."""
    homes = [root / "conf", PACKAGE_CONF]
    files = (path for home in homes for path in (home / group).glob("[!.]*.yaml"))
    return sorted({path.stem for path in files})


def file_of(root: Path, group: str, choice: str) -> Path:
    """Return the file of a choice: the project's, or else the package's."""
    own = root / "conf" / group / f"{choice}.yaml"
    return own if own.exists() else PACKAGE_CONF / group / f"{choice}.yaml"


def place_of(root: Path, group: str, choice: str) -> str:
    """Name the file of a choice for messages, such as `litemill/conf/variant/int8.yaml`."""
    name = f"conf/{group}/{choice}.yaml"
    return f"litemill/{name}" if file_of(root, group, choice).is_relative_to(PACKAGE_CONF) else name


def default_choices(root: Path) -> dict[str, str]:
    """Read the choice of each group in the defaults lists of conf/config.yaml and the package."""
    entries = read_mapping(PACKAGE_CONF / "defaults.yaml", "litemill/conf/defaults.yaml")
    own = read_mapping(root / "conf/config.yaml", "conf/config.yaml")
    return {**choices_in(entries), **choices_in(own)}


def choices_in(values: Mapping[str, Any]) -> dict[str, str]:
    """List the choices of a file's defaults list, by group."""
    entries = values.get("defaults")
    entries = entries if isinstance(entries, list) else []  # others are refused with all files
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    return {
        str(group).removeprefix("override ").lstrip("/"): str(choice)
        for group, choice in pairs
        if choice is not None
    }


def selectable_keys(root: Path) -> list[str]:
    """List the keys that params.yaml may have."""
    single = {"experiment", *groups(root)} - set(NAMED.values())
    return [*sorted(single), *LISTS, "overrides"]


def read_selection(root: Path, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read what params.yaml chooses: a choice by group, `variants`, `sweeps` and `overrides`.

    Overrides of a variant that conf/ has but the list has not are left out: a shorter list of
    variants needs no other edit.

    Args:
        root: the project.
        changes: values that replace those of params.yaml; None takes the key away.

    Raises:
        LitemillError: the file is missing or no YAML, or a choice does not exist; all of them.
    """
    changes = changes or {}
    values = {**read_mapping(root / "params.yaml", "params.yaml"), **changes}

    def place(key: str) -> str:
        return f"command line: {key}" if key in changes else f"params.yaml: {key}"

    if errors := list(_selection_errors(root, values, place)):
        raise ErrorGroup(errors)
    selection = {key: value for key, value in values.items() if value is not None}
    selection["sweeps"] = selection.get("sweeps", [])
    selection["overrides"] = overrides = dict(selection.get("overrides", {}))
    if "variants" in overrides:
        of_variants = overrides["variants"].items()
        chosen = selection["variants"]
        overrides["variants"] = {name: opts for name, opts in of_variants if name in chosen}
    return selection


def read_mapping(path: Path, place: str, *, empty: bool = False) -> dict[str, Any]:
    """Read a YAML file that has to be a mapping; `empty` lets it say nothing.

    Raises:
        ConfigError: it is missing, no YAML or no mapping.
    """
    try:
        values = yaml_file.read(path, place)
    except FileNotFoundError:
        found = "a link to nothing" if path.is_symlink() else "no such file"
        raise ConfigError(place, found, "expected the choices of the project") from None
    if values is None and empty:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(place, f"found {values!r}", "expected a mapping")
    return values


def _selection_errors(root: Path, values: Mapping[str, Any], place: Any) -> Iterator[LitemillError]:
    known = selectable_keys(root)
    for key in values:
        if key not in known:
            yield ConfigError(place(key), "unknown key", nearest(str(key), known))
    for key in REQUIRED:
        if values.get(key) is None:
            offered = ", ".join(choices(root, LISTS.get(key, key)))
            kind = "a list of" if key in LISTS else "one of:"
            yield ConfigError(place(key), "missing", f"expected {kind} {offered}")
    for key in known:
        if (value := values.get(key)) is None:
            continue
        if key in LISTS:
            yield from _list_errors(root, LISTS[key], value, place(key), empty=key not in REQUIRED)
        elif key == "overrides":
            yield from _override_errors(root, value, place(key))
        else:
            yield from unknown_choice(root, key, value, place(key))


def _list_errors(
    root: Path, group: str, names: Any, place: str, *, empty: bool
) -> Iterator[LitemillError]:
    if not isinstance(names, list):
        yield ConfigError(place, f"found {names!r}", "expected a list of names")
        return
    if not names and not empty:
        offered = ", ".join(choices(root, group))
        yield ConfigError(place, "an empty list", f"expected a list of {offered}")
    expected = "expected a name of letters, digits, _ and -, with no digit or - in front"
    for name in names:
        if unknown := unknown_choice(root, group, name, place):
            yield from unknown
        elif not NAME.fullmatch(name):
            yield ConfigError(place_of(root, group, name), f"the name {name!r}", expected)
    for name, count in Counter(map(str, names)).items():
        if count > 1:
            yield ConfigError(place, f"{name!r} is there twice", "expected each name once")


def _override_errors(root: Path, overrides: Any, place: str) -> Iterator[LitemillError]:
    if not isinstance(overrides, dict):
        yield ConfigError(place, f"found {overrides!r}", "expected a mapping")
        return
    yield from _dotted_keys(overrides, place)
    of_variants = overrides.get("variants", {})
    if not isinstance(of_variants, dict):
        expected = "expected a mapping of variants to options"
        yield ConfigError(f"{place}.variants", f"found {of_variants!r}", expected)
        return
    for name in of_variants:
        yield from unknown_choice(root, "variant", name, f"{place}.variants")


def _dotted_keys(options: dict[Any, Any], place: str) -> Iterator[LitemillError]:
    for key, value in options.items():
        if "." in str(key):
            outer, _, inner = str(key).partition(".")
            expected = f"expected nested keys: {{{outer}: {{{inner}: ...}}}}"
            yield ConfigError(f"{place}: {key}", "a key with a dot", expected)
        elif isinstance(value, dict):
            yield from _dotted_keys(value, f"{place}.{key}")


def unknown_choice(root: Path, group: str, choice: Any, place: str) -> list[LitemillError]:
    """List the error of a choice that neither the project nor the package has, if it is one."""
    known = choices(root, group)
    if isinstance(choice, str) and choice in known:
        return []
    expected = nearest(str(choice), known) if known else f"expected a file of conf/{group}/"
    return [ConfigError(place, f"no {choice!r} in conf/{group}/", expected)]
