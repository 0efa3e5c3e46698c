"""params.yaml: what is chosen, held against what conf/ has to choose from."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core import yaml_file
from litemill.core.errors import ConfigError, ErrorGroup, LitemillError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

SWEEPS = "params.yaml: sweeps"
PACKAGE = Path(__file__).resolve().parents[1] / "conf"  # pkg://litemill.conf
REQUIRED = ("model", "data", "train", "variants")
# What Hydra takes for a key of the tree, without asking for another level of it.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def groups(root: Path) -> list[str]:
    """List the groups of conf/, of the project and of the package: their folders."""
    homes = [root / "conf", PACKAGE]
    folders = {
        path.name for home in homes if home.is_dir() for path in home.iterdir() if path.is_dir()
    }
    return sorted(folders - {"__pycache__"})


def choices(root: Path, group: str) -> list[str]:
    """List the choices of a group: the YAML files in its folder, in the project and the package."""
    homes = [root / "conf", PACKAGE]
    return sorted({path.stem for home in homes for path in (home / group).glob("*.yaml")})


def file_of(root: Path, group: str, choice: str) -> Path:
    """Return the file of a choice: the project's, or else the package's."""
    own = root / "conf" / group / f"{choice}.yaml"
    return own if own.exists() else PACKAGE / group / f"{choice}.yaml"


def place_of(root: Path, group: str, choice: str) -> str:
    """Name the file of a choice in messages: conf/variant/int8.yaml, in whichever conf/."""
    own = (root / "conf" / group / f"{choice}.yaml").exists()
    return f"{'' if own else 'litemill/'}conf/{group}/{choice}.yaml"


def read_selection(root: Path) -> dict[str, Any]:
    """Give what params.yaml says: groups and their choices, `variants`, `overrides`; and `sweeps`.

    Overrides of a variant that conf/ has but the list has not are left out: a shorter list of
    variants needs no other edit.

    Raises:
        LitemillError: the file is missing or no YAML, or chooses what there is not; all of it.
    """
    values = read_mapping(root / "params.yaml", "params.yaml")
    listed = values.get("sweeps") or []
    if errors := [*_wrong(root, values), *_wrong_names(root, "sweep", listed, SWEEPS)]:
        raise ErrorGroup(errors)
    found = {key: value for key, value in values.items() if value is not None}
    found["sweeps"] = listed
    found["overrides"] = overrides = dict(found.get("overrides", {}))
    if isinstance(overrides.get("variants"), dict):
        of_variants = overrides["variants"].items()
        kept = {name: options for name, options in of_variants if name in found["variants"]}
        overrides["variants"] = kept
    return found


def read_mapping(path: Path, place: str) -> dict[str, Any]:
    """Read a YAML file that has to be a mapping.

    Raises:
        ConfigError: it is missing, no YAML or no mapping.
    """
    try:
        values = yaml_file.read(path, place)
    except FileNotFoundError:
        raise ConfigError(place, "no such file", "expected the choices of the project") from None
    if not isinstance(values, dict):
        raise ConfigError(place, f"found {values!r}", "expected a mapping")
    return values


def _wrong(root: Path, values: dict[str, Any]) -> Iterator[LitemillError]:
    selectable = [
        group for group in groups(root) if group not in ("variant", "sweep", "experiment")
    ]
    selectable += ["experiment"] if "experiment" in groups(root) else []
    known = [*selectable, "variants", "sweeps", "overrides"]
    for key in values:
        if key not in known:
            yield ConfigError(f"params.yaml: {key}", "unknown key", nearest(str(key), known))
    for key in REQUIRED:
        if values.get(key) is None:
            yield ConfigError(f"params.yaml: {key}", "missing", f"expected {_wanted(root, key)}")
    for group in selectable:
        if values.get(group) is not None:
            yield from _unknown(root, group, values[group], f"params.yaml: {group}")
    if values.get("variants") is not None:
        yield from _wrong_variants(root, values["variants"])
    if values.get("overrides") is not None:
        yield from _wrong_overrides(root, values["overrides"])


def _wrong_variants(root: Path, names: Any) -> Iterator[LitemillError]:
    place = "params.yaml: variants"
    if names == []:
        yield ConfigError(place, "an empty list", f"expected {_wanted(root, 'variants')}")
    yield from _wrong_names(root, "variant", names, place)


def _wrong_names(root: Path, group: str, names: Any, place: str) -> Iterator[LitemillError]:
    if not isinstance(names, list):
        yield ConfigError(place, f"found {names!r}", "expected a list of names")
        return
    for name in names:
        yield from _unknown(root, group, name, place) or _misnamed(group, name)
    for name, count in Counter(map(str, names)).items():
        if count > 1:
            yield ConfigError(place, f"{name!r} is there twice", "expected each name once")


def _misnamed(group: str, name: str) -> list[LitemillError]:
    if NAME.fullmatch(name):
        return []
    told = "expected a name of letters, digits, _ and -, with no digit or - in front"
    return [ConfigError(f"conf/{group}/{name}.yaml", f"the name {name!r}", told)]


def _wrong_overrides(root: Path, overrides: Any) -> Iterator[LitemillError]:
    place = "params.yaml: overrides"
    if not isinstance(overrides, dict):
        yield ConfigError(place, f"found {overrides!r}", "expected a mapping")
        return
    yield from _dotted(overrides, place)
    of_variants = overrides.get("variants", {})
    if not isinstance(of_variants, dict):
        told = "expected a mapping of variants to options"
        yield ConfigError(f"{place}.variants", f"found {of_variants!r}", told)
        return
    for name in of_variants:
        yield from _unknown(root, "variant", name, f"{place}.variants")


def _dotted(options: dict[Any, Any], place: str) -> Iterator[LitemillError]:
    for key, value in options.items():
        if "." in str(key):
            outer, _, inner = str(key).partition(".")
            told = f"expected nested keys: {{{outer}: {{{inner}: ...}}}}"
            yield ConfigError(f"{place}: {key}", "a key with a dot", told)
        elif isinstance(value, dict):
            yield from _dotted(value, f"{place}.{key}")


def _unknown(root: Path, group: str, choice: Any, place: str) -> list[LitemillError]:
    if isinstance(choice, str) and choice in choices(root, group):
        return []
    told = nearest(str(choice), choices(root, group))
    return [ConfigError(place, f"no {choice!r} in conf/{group}/", told)]


def _wanted(root: Path, key: str) -> str:
    if key == "variants":
        return f"a list of {', '.join(choices(root, 'variant'))}"
    return f"one of: {', '.join(choices(root, key))}"
