"""The rules of where the model comes from, and of the routes that lead from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config import import_graph
from litemill.config.schema.variant import Route
from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.models import keras_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config


def model_errors(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    """Tell what is wrong with where the model comes from, and with the routes from there."""
    model, place = config.model, composed.place
    given = [k for k in ("build", "file", "function") if getattr(model, k) is not None]
    if len(given) != 1:
        told = " and ".join(given) or "none of them"
        yield ConfigError(place("model"), told, "expected one of: build, file, function")
    if model.file is not None:
        yield from _wrong_file(model.file, composed, root)
    for module in model.custom_objects:
        if import_graph.module_file(module, root) is None:
            told = f"{module}: no module of that name"
            yield ConfigError(place("model.custom_objects"), told, "expected a dotted name")
    keras = model.build is not None or str(model.file).endswith(keras_model.SUFFIXES)
    for name, variant in config.variants.items():
        if variant.unroll and not keras:
            told = "true, and the model is no Keras file that could be traced anew"
            yield ConfigError(place(f"variants.{name}.unroll"), told, "expected false")
        if variant.route is Route.keras and not keras:
            told = f"keras, and the model is {'a SavedModel' if model.file else 'a function'}"
            known = "expected one of: saved_model, concrete_function, cli"
            yield ConfigError(place(f"variants.{name}.route"), told, known)
        key = variant.signature or main_signature(config)
        if variant.route in (Route.keras, Route.concrete_function) and key != "serving_default":
            told = f"{variant.route.name}, which names every signature serving_default, not {key}"
            known = "use the route saved_model, which keeps the name"
            yield ConfigError(place(f"variants.{name}.route"), told, known)
        if keras and variant.signature not in (None, main_signature(config)):
            here = place(f"variants.{name}.signature")
            told = f"{variant.signature!r}; a Keras model has one"
            yield ConfigError(here, told, f"expected {main_signature(config)!r} or null")


def _wrong_file(file: str, composed: Composed, root: Path) -> Iterator[LitemillError]:
    here = composed.place("model.file")
    if not (root / file).exists():
        known = (
            [p.name for p in (root / file).parent.glob("*")]
            if (root / file).parent.is_dir()
            else []
        )
        told = nearest(Path(file).name, known) if known else "expected a model below models/"
        yield ConfigError(here, f"{file}: no such file", told)
    elif (root / file).is_file() and not file.endswith(keras_model.SUFFIXES):
        yield ConfigError(here, file, "expected a .keras or .h5 file, or a SavedModel folder")


def main_signature(config: Config) -> str:
    """Name the signature that the source model is known by."""
    file = config.model.file
    own = file is not None and not file.endswith(keras_model.SUFFIXES)
    return config.model.signature if own or config.model.function else config.export.signature
