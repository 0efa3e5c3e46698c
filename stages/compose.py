"""Hydra's part: conf/ and params.yaml composed into one tree, and where each key came from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from stages.errors import ConfigError, LitemillError, SeveralErrors, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from omegaconf import DictConfig

REQUIRED = ("model", "data", "train", "variants")


@dataclass(frozen=True)
class Composed:
    """The configuration before it is checked against the schema."""

    tree: dict[str, Any]
    choices: dict[str, str]  # group -> choice, such as model -> digits_cnn
    overrides: dict[str, Any]

    def place(self, path: str) -> str:
        """Name the file and key that a path such as `variants.int8.route` came from."""
        if _holds(self.overrides, path.split(".")):
            return f"params.yaml: overrides.{path}"
        group, _, rest = path.partition(".")
        if group == "variants":
            variant, _, rest = rest.partition(".")
            return (
                f"conf/variant/{variant}.yaml: {rest}" if rest else f"conf/variant/{variant}.yaml"
            )
        if group in self.choices:
            file = f"conf/{group}/{self.choices[group]}.yaml"
            return f"{file}: {rest}" if rest else file
        return f"conf/config.yaml: {path}"


def compose(root: Path) -> Composed:
    """Compose conf/config.yaml with the choices, variants and overrides of params.yaml.

    Raises:
        LitemillError: a file is missing or no YAML, or a choice does not exist; all of them.
    """
    chosen = _params(root)
    overrides = chosen.pop("overrides", None) or {}
    variants = chosen.pop("variants")
    words = [f"{group}={choice}" for group, choice in chosen.items()]
    words += [f"+variant@variants.{name}={name}" for name in variants]
    config = _hydra(root, words)
    defaults = {group: _default(root, group) for group in groups(root) if group != "variant"}
    return Composed(
        tree=_plain(config, overrides),
        choices={**{g: c for g, c in defaults.items() if c}, **chosen},
        overrides=overrides,
    )


def groups(root: Path) -> list[str]:
    """List the groups of conf/: its folders."""
    return sorted(path.name for path in (root / "conf").iterdir() if path.is_dir())


def choices(root: Path, group: str) -> list[str]:
    """List the choices of a group: the YAML files in its folder."""
    return sorted(path.stem for path in (root / "conf" / group).glob("*.yaml"))


def _params(root: Path) -> dict[str, Any]:
    values = _read_yaml(root / "params.yaml", "params.yaml")
    selectable = [group for group in groups(root) if group != "variant"]
    known = [*selectable, "variants", "overrides"]
    errors: list[LitemillError] = [
        ConfigError(f"params.yaml: {key}", "unknown key", nearest(str(key), known))
        for key in values
        if key not in known
    ]
    errors += [
        ConfigError(f"params.yaml: {key}", "missing", f"expected {_wanted(root, key)}")
        for key in REQUIRED
        if values.get(key) is None
    ]
    for group in selectable:
        if values.get(group) is not None:
            errors += _unknown(root, group, values[group], f"params.yaml: {group}")
    if values.get("variants") is not None:
        errors += _variants(root, values["variants"])
    if not isinstance(values.get("overrides") or {}, dict):
        told = f"found {values['overrides']!r}"
        errors.append(ConfigError("params.yaml: overrides", told, "expected a mapping"))
    if errors:
        raise SeveralErrors(errors)
    return {key: value for key, value in values.items() if value is not None}


def _variants(root: Path, names: Any) -> list[LitemillError]:
    place = "params.yaml: variants"
    if not isinstance(names, list):
        return [ConfigError(place, f"found {names!r}", "expected a list of names")]
    if not names:
        return [ConfigError(place, "an empty list", f"expected {_wanted(root, 'variants')}")]
    errors = [error for name in names for error in _unknown(root, "variant", name, place)]
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1]
    return errors + [
        ConfigError(place, f"{name!r} is there twice", "expected each name once") for name in twice
    ]


def _unknown(root: Path, group: str, choice: Any, place: str) -> list[LitemillError]:
    if isinstance(choice, str) and choice in choices(root, group):
        return []
    told = nearest(str(choice), choices(root, group))
    return [ConfigError(place, f"no {choice!r} in conf/{group}/", told)]


def _wanted(root: Path, key: str) -> str:
    if key == "variants":
        return f"a list of {', '.join(choices(root, 'variant'))}"
    return f"one of: {', '.join(choices(root, key))}"


def _read_yaml(path: Path, place: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(place, "no such file", "expected the choices of the project") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{place}{_line(error)}", "not YAML", _problem(error)) from None
    if not isinstance(values, dict):
        raise ConfigError(place, f"found {values!r}", "expected a mapping")
    return values


def _default(root: Path, group: str) -> str | None:
    entries = _read_yaml(root / "conf" / "config.yaml", "conf/config.yaml").get("defaults", [])
    found = [entry[group] for entry in entries if isinstance(entry, dict) and group in entry]
    return str(found[0]) if found else None


def _hydra(root: Path, words: list[str]) -> DictConfig:
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    for path in sorted((root / "conf").rglob("*.yaml")):
        _parses(path, path.relative_to(root))
    try:
        with hydra.initialize_config_dir(str((root / "conf").resolve()), version_base="1.3"):
            return hydra.compose("config", overrides=words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError("conf/config.yaml", str(error), "expected what Hydra composes") from None


def _parses(path: Path, place: Path) -> None:
    # Hydra's own error for a syntax error does not name the file.
    try:
        yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{place}{_line(error)}", "not YAML", _problem(error)) from None


def _plain(config: DictConfig, overrides: dict[str, Any]) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    OmegaConf.set_struct(config, value=False)
    try:
        merged = OmegaConf.merge(config, overrides)
        tree = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        place = f"conf/config.yaml: {error.full_key or 'overrides'}"
        raise ConfigError(place, str(error.msg or error), "") from None
    return tree  # type: ignore[return-value]  # the root of a Hydra configuration is a mapping


def _holds(tree: Any, keys: list[str]) -> bool:
    return not keys or (
        isinstance(tree, dict) and keys[0] in tree and _holds(tree[keys[0]], keys[1:])
    )


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error)
