"""Variants outside of a pipeline: conf/variant/ of the current project, or Litemill's own."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from stages import recipes
from stages.chosen import choices
from stages.conform import faults, typed
from stages.errors import ConfigError, SeveralErrors, first_line, nearest
from stages.schema.config import VariantChoice
from stages.schema.variant import Variant


def variant(name: str, root: Path) -> Variant:
    """Give a variant as its file says, whatever params.yaml chooses or overrides.

    Args:
        name: of the file in conf/variant/.
        root: the project's folder; where it has no such file, Litemill's own presets are taken.

    Raises:
        ConfigError: there is no such variant.
        SeveralErrors: the file says something that no variant can have.
    """
    conf = next(
        (conf for conf in _folders(root) if (conf / f"variant/{name}.yaml").is_file()), None
    )
    if conf is None:
        known = {choice for conf in _folders(root) for choice in choices(conf.parent, "variant")}
        raise ConfigError(f"variant {name}", "no such variant", nearest(name, known))
    tree = _composed(conf, name)

    def place(path: str) -> str:
        return f"{conf}/variant/{name}.yaml: {path}"

    if wrong := faults(tree, VariantChoice, place):
        raise SeveralErrors(wrong)
    found = typed(tree, VariantChoice)
    if found.recipe is not None:
        found.recipe = recipes.resolve(found.recipe, place("recipe"))
    return Variant(**{field.name: getattr(found, field.name) for field in fields(Variant)})


def _folders(root: Path) -> list[Path]:
    """List where conf/ may be: in the project, beside this code, inside of an installed package."""
    home = Path(__file__).parents[1]
    known = [root / "conf", home / "conf", home / "litemill" / "conf"]
    return [folder for folder in known if (folder / "variant").is_dir()]


def _composed(conf: Path, name: str) -> dict[str, Any]:
    import hydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from stages import yaml_file

    file = conf / "variant" / f"{name}.yaml"
    yaml_file.read(file, file)  # whose errors name the line
    try:
        with hydra.initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            config = hydra.compose(overrides=[f"+variant@chosen={name}"])
        tree: dict[str, Any] = OmegaConf.to_container(
            config.get("chosen") or OmegaConf.create(), resolve=True
        )  # type: ignore[assignment]  # a mapping
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(file, first_line(error), "expected what Hydra composes") from None
    return tree
