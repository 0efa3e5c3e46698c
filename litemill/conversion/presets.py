"""Choices outside of a pipeline: of conf/ of the current project, or Litemill's own."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from litemill.config.schema.config import Data, VariantChoice
from litemill.config.schema.prepare import Prepare
from litemill.config.schema.variant import Variant
from litemill.config.schema_validation import schema_errors, typed
from litemill.config.selection import choices, file_of
from litemill.conversion import recipes
from litemill.core.errors import ConfigError, ErrorGroup, first_line, nearest

if TYPE_CHECKING:
    from pathlib import Path


def load_variant(name: str, root: Path) -> Variant:
    """Load a variant as its file says, whatever params.yaml chooses or overrides.

    Args:
        name: of the file in conf/variant/.
        root: the project's folder; where it has no such file, Litemill's own presets are taken.

    Raises:
        ConfigError: there is no such variant.
        ErrorGroup: the file says something that no variant can have.
    """
    choice, place = _choice("variant", name, root, VariantChoice)
    if choice.recipe is not None:
        choice.recipe = recipes.resolve_recipe(choice.recipe, f"{place}: recipe")
    return Variant(**{field.name: getattr(choice, field.name) for field in fields(Variant)})


def load_data(name: str, root: Path) -> Prepare:
    """Load a data set's choice as its file says, as `load_variant` does.

    Raises:
        ConfigError: there is no such choice.
        ErrorGroup: the file says something that no data set can have.
    """
    choice, _ = _choice("data", name, root, Data)
    return Prepare(load=choice.load, task=choice.task, split=choice.split)


def _choice(group: str, name: str, root: Path, schema: type[Any]) -> tuple[Any, Path]:
    """Return a choice of a group, checked against its schema, and its file."""
    if name not in choices(root, group):
        expected = nearest(name, choices(root, group)) if choices(root, group) else ""
        raise ConfigError(
            f"{group} {name}", f"no such {group}", expected or f"expected conf/{group}/{name}.yaml"
        )
    file = file_of(root, group, name)
    tree = _composed(file)
    if wrong := schema_errors(tree, schema, lambda path: f"{file}: {path}"):
        raise ErrorGroup(wrong)
    return typed(tree, schema), file


def _composed(file: Path) -> dict[str, Any]:
    import hydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from litemill.core import yaml_file

    yaml_file.read(file, file)  # whose errors name the line
    try:
        with hydra.initialize_config_dir(str(file.parents[1].resolve()), version_base="1.3"):
            config = hydra.compose(
                overrides=[
                    f"+{file.parent.name}@chosen={file.stem}",
                    "hydra.searchpath=[pkg://litemill.conf]",
                ]
            )
        tree: dict[str, Any] = OmegaConf.to_container(
            config.get("chosen") or OmegaConf.create(), resolve=True
        )  # type: ignore[assignment]  # a mapping
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(file, first_line(error), "expected what Hydra composes") from None
    return tree
