"""The calls of Hydra that compose conf/, with its errors in one line that names the place."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from litemill.config import cli_overrides
from litemill.config.selection import PACKAGE_CONF, read_mapping
from litemill.core import yaml_file
from litemill.core.errors import ConfigError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from omegaconf import DictConfig

SEARCH_PATH = "pkg://litemill.conf"
# The group by which `overrides` of params.yaml reach Hydra, which merges them in their turn.
OVERRIDES = "_overrides"
# Resolvers whose value depends on time, machine or user.
CHANGING = re.compile(r"\$\{\s*(now|hydra|oc\.env|python_version)\s*:")


def compose_words(
    root: Path, words: Sequence[str], options: Sequence[str], overrides: Mapping[str, Any]
) -> DictConfig:
    """Compose conf/config.yaml, with its own settings of Hydra below the key `hydra`.

    Args:
        root: the project.
        words: overrides of the defaults list, in the order in which their files are merged.
        options: overrides of a command line.
        overrides: what `+_overrides=params` among the words merges.

    Raises:
        ConfigError: Hydra refuses something.
    """
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    _check_files(root)
    try:
        ConfigStore.instance().store("params", dict(overrides), OVERRIDES, "_global_")
        with hydra.initialize_config_dir(str((root / "conf").resolve()), version_base="1.3"):
            return hydra.compose("config", overrides=[*words, *options], return_hydra_config=True)
    except RecursionError:
        found, expected = "a defaults list that leads back to itself", "expected files that end"
        raise ConfigError("conf", found, expected) from None
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        if options:
            compose_words(root, words, [], overrides)
            place = f"{cli_overrides.PLACE}: {' '.join(options)}"
            raise ConfigError(place, first_line(error), "expected what Hydra composes") from None
        _check_syntax(root)
        if key := getattr(error, "full_key", None):
            place = f"params.yaml: overrides.{key}"
            raise ConfigError(place, first_line(error), "expected `${key}`") from None
        found = str(error).partition("Config search path:")[0]
        raise ConfigError("conf/config.yaml", found, "expected what Hydra composes") from None


def resolve(config: DictConfig, place: Callable[[str], str]) -> dict[str, Any]:
    """Return what was composed as plain values, interpolations resolved.

    Raises:
        ConfigError: an interpolation leads nowhere.
    """
    from omegaconf import OmegaConf, open_dict
    from omegaconf.errors import OmegaConfBaseException

    with open_dict(config):
        config.pop("hydra", None)
    _refuse_changing(OmegaConf.to_container(config, resolve=False), place)
    try:
        tree = OmegaConf.to_container(config, resolve=True)
    except RecursionError:
        found, expected = "an interpolation that leads back to itself", "expected one that ends"
        raise ConfigError("conf/config.yaml", found, expected) from None
    except OmegaConfBaseException as error:
        where = place(error.full_key) if error.full_key else "conf/config.yaml"
        raise ConfigError(where, first_line(error), "expected what resolves") from None
    return tree  # type: ignore[return-value]  # the root of a Hydra configuration is a mapping


def _refuse_changing(value: Any, place: Callable[[str], str], path: str = "") -> None:
    """Refuse interpolations that are another value on another day or machine."""
    entries = dict(enumerate(value)) if isinstance(value, list) else value
    for key, item in entries.items() if isinstance(entries, dict) else ():
        _refuse_changing(item, place, f"{path}.{key}" if path else str(key))
    if isinstance(value, str) and (match := CHANGING.search(value)):
        found = f"{value}: {match[1]} is not the same everywhere and always"
        raise ConfigError(place(path), found, "expected a value that params.json can hold")


def runtime_choices(config: DictConfig) -> dict[str, str]:
    """Return the choice of each group, as Hydra made them."""
    return {
        group: choice
        for group, choice in config.hydra.runtime.choices.items()
        if choice is not None and group != OVERRIDES and not {"@", "/"} & set(group)
    }


def _check_files(root: Path) -> None:
    """Refuse files of the project that are no YAML, and a missing search path.

    Hydra's own error for a syntax error does not name the file.
    """
    for path in sorted((root / "conf").rglob("[!.]*.yaml")):  # no lock file of an editor
        _check_file(path, path.relative_to(root).as_posix())
    settings = read_mapping(root / "conf/config.yaml", "conf/config.yaml").get("hydra") or {}
    if SEARCH_PATH not in (settings.get("searchpath") or []):
        found = f"no {SEARCH_PATH}, where the package's choices are"
        expected = f"add `hydra: {{searchpath: [{SEARCH_PATH}]}}`"
        raise ConfigError("conf/config.yaml: hydra.searchpath", found, expected)


def _check_file(path: Path, place: str) -> None:
    """Refuse a file that Hydra would not compose, or for which it has no words."""
    values = read_mapping(path, place, empty=True)
    entries = values.get("defaults", [])
    if entries is not None and not isinstance(entries, list):
        found, expected = f"found {entries!r}", "expected a list"
        raise ConfigError(f"{place}: defaults", found, expected)
    for entry in entries or ():
        if entry == PurePosixPath(place).stem:
            expected = "expected files that end"
            raise ConfigError(f"{place}: defaults", f"{entry}, which is this file", expected)
        if not isinstance(entry, str | dict):
            expected = "expected a name, or a group with a name"
            raise ConfigError(f"{place}: defaults", f"found {entry!r}", expected)


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for home, prefix in ((root / "conf", "conf"), (PACKAGE_CONF, "litemill/conf")):
        for path in sorted(home.rglob("[!.]*.yaml")):
            yield path, f"{prefix}/{path.relative_to(home).as_posix()}"


def _check_syntax(root: Path) -> None:
    """Refuse files that are no YAML or hold a malformed `${...}`, for which Hydra has no text."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for path, place in _files(root):
        yaml_file.read(path, place)
        try:
            OmegaConf.load(path)
        except OmegaConfBaseException as error:
            where = f"{place}: {error.full_key}" if error.full_key else place
            raise ConfigError(where, first_line(error), "expected `${key}`") from None
