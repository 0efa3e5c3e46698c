"""Hydra's part: conf/ and params.yaml composed into one tree, and where each key came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litemill.config.selection import PACKAGE, groups, place_of, read_mapping, read_selection
from litemill.core import yaml_file
from litemill.core.errors import ConfigError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from omegaconf import DictConfig


@dataclass(frozen=True)
class Composed:
    """The configuration before it is checked against the schema."""

    root: Path
    tree: dict[str, Any]
    choices: dict[str, str]  # group -> choice, such as model -> digits_cnn
    overrides: dict[str, Any]

    def place(self, path: str) -> str:
        """Name the file and key that a path such as `variants.int8.route` came from."""
        if _holds(self.overrides, path.split(".")):
            return f"params.yaml: overrides.{path}"
        group, _, rest = path.partition(".")
        if group in ("variants", "sweeps"):
            name, _, rest = rest.partition(".")
            file = place_of(self.root, group.removesuffix("s"), name)
            return f"{file}: {rest}" if rest else file
        if group in self.choices:
            file = place_of(self.root, group, self.choices[group])
            return f"{file}: {rest}" if rest else file
        return f"conf/config.yaml: {path}"


def compose(root: Path) -> Composed:
    """Compose conf/config.yaml with the choices, variants and overrides of params.yaml.

    Raises:
        LitemillError: a file is missing or no YAML, or a choice does not exist; all of them.
    """
    choices = read_selection(root)
    overrides = choices.pop("overrides")
    variants, sweeps = choices.pop("variants"), choices.pop("sweeps")
    experiment = choices.pop("experiment", None)
    words = [f"{group}={choice}" for group, choice in choices.items()]
    words += [f"+variant@variants.{name}={name}" for name in variants]
    words += [f"+sweep@sweeps.{name}={name}" for name in sweeps]
    words += [f"+experiment={experiment}"] if experiment else []
    config = _hydra(root, words)
    defaults = {group: _default(root, group) for group in groups(root)}
    known = {**{g: c for g, c in defaults.items() if c}, **choices}
    composed = Composed(root=root, tree={}, choices=known, overrides=overrides)
    return replace(composed, tree=_plain(config, overrides, composed.place))


def _default(root: Path, group: str) -> str | None:
    for path, place in (
        (root / "conf/config.yaml", "conf/config.yaml"),
        (PACKAGE / "defaults.yaml", "defaults.yaml"),
    ):
        entries = read_mapping(path, place).get("defaults", [])
        for entry in entries:
            if isinstance(entry, dict) and group in entry:
                return str(entry[group])
    return None


def _hydra(root: Path, words: list[str]) -> DictConfig:
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    files = sorted((root / "conf").rglob("*.yaml"))
    for path in files:
        # Hydra's own error for a syntax error does not name the file.
        yaml_file.read(path, path.relative_to(root))
    try:
        with hydra.initialize_config_dir(str((root / "conf").resolve()), version_base="1.3"):
            return hydra.compose("config", overrides=words)
    except (HydraException, OmegaConfBaseException) as error:
        for path in files:
            _interpolates(path, path.relative_to(root))
        raise ConfigError("conf/config.yaml", str(error), "expected what Hydra composes") from None


def _interpolates(path: Path, place: Path) -> None:
    # Hydra's error for a malformed `${...}` has no text at all.
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        OmegaConf.load(path)
    except OmegaConfBaseException as error:
        where = f"{place}: {error.full_key}" if error.full_key else place
        raise ConfigError(where, first_line(error), "expected `${key}`") from None


def _plain(
    config: DictConfig, overrides: dict[str, Any], place: Callable[[str], str]
) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    OmegaConf.set_struct(config, value=False)
    try:
        merged = OmegaConf.merge(config, overrides)
        tree = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        where = place(error.full_key) if error.full_key else "params.yaml: overrides"
        raise ConfigError(where, first_line(error), "expected what resolves") from None
    return tree  # type: ignore[return-value]  # the root of a Hydra configuration is a mapping


def _holds(tree: Any, keys: list[str]) -> bool:
    return not keys or (
        isinstance(tree, dict) and keys[0] in tree and _holds(tree[keys[0]], keys[1:])
    )
