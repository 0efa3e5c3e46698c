"""Variants outside of a pipeline: conf/variant/ of the current project, or Litemill's own."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from litemill.config.schema.config import VariantChoice
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
    if name not in choices(root, "variant"):
        raise ConfigError(
            f"variant {name}", "no such variant", nearest(name, choices(root, "variant"))
        )
    file = file_of(root, "variant", name)
    tree = _composed(file)

    def place(path: str) -> str:
        return f"{file}: {path}"

    if wrong := schema_errors(tree, VariantChoice, place):
        raise ErrorGroup(wrong)
    choice = typed(tree, VariantChoice)
    if choice.recipe is not None:
        choice.recipe = recipes.resolve_recipe(choice.recipe, place("recipe"))
    return Variant(**{field.name: getattr(choice, field.name) for field in fields(Variant)})


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
                overrides=[f"+variant@chosen={file.stem}", "hydra.searchpath=[pkg://litemill.conf]"]
            )
        tree: dict[str, Any] = OmegaConf.to_container(
            config.get("chosen") or OmegaConf.create(), resolve=True
        )  # type: ignore[assignment]  # a mapping
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(file, first_line(error), "expected what Hydra composes") from None
    return tree
