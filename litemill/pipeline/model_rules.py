"""Rules for where the model comes from, and for the routes that lead from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config import import_graph
from litemill.config.schema.train import SOURCE_KINDS, is_keras_file
from litemill.conversion.routes import RENAMING
from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.models.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config, VariantChoice
    from litemill.models.source_model import SourceModel

KERAS_SIGNATURE = "serving_default"  # the only one that the converter gives a Keras model


def model_errors(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    """List the errors of where the model comes from, and of the routes from there."""
    model, place = config.model, composed.place
    kinds = model.source_kinds()
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        yield ConfigError(place("model"), found, f"expected one of: {', '.join(SOURCE_KINDS)}")
    if model.file is not None:
        yield from _file_errors(model.file, place("model.file"), root)
    for module in model.custom_objects:
        if import_graph.module_file(module, root) is None:
            found = f"{module}: no module of that name"
            yield ConfigError(place("model.custom_objects"), found, "expected a dotted name")
    if len(kinds) == 1:
        kind = kind_of(model, root)
        for name, variant in config.variants.items():
            yield from _variant_errors(f"variants.{name}", variant, config, kind, place)


def _variant_errors(
    path: str,
    variant: VariantChoice,
    config: Config,
    kind: type[SourceModel],
    place: Callable[[str], str],
) -> Iterator[LitemillError]:
    main = main_signature(config)
    if variant.unroll and not kind.has_layers:
        found = "true, and the model is no Keras file that could be traced anew"
        yield ConfigError(place(f"{path}.unroll"), found, "expected false")
    if variant.route.name not in kind.routes:
        source = "a SavedModel" if config.model.file else "a function"
        found = f"{variant.route.name}, and the model is {source}"
        expected = f"expected one of: {', '.join(kind.routes)}"
        yield ConfigError(place(f"{path}.route"), found, expected)
    key = variant.signature or main
    if variant.route in RENAMING and key != KERAS_SIGNATURE:
        found = f"{variant.route.name}, which names every signature {KERAS_SIGNATURE}, not {key}"
        expected = "use the route saved_model, which keeps the name"
        yield ConfigError(place(f"{path}.route"), found, expected)
    if kind.has_layers and variant.signature not in (None, main):
        found = f"{variant.signature!r}; a Keras model has one"
        yield ConfigError(place(f"{path}.signature"), found, f"expected {main!r} or null")


def _file_errors(file: str, place: str, root: Path) -> Iterator[LitemillError]:
    path = root / file
    if not path.exists():
        known = [sibling.name for sibling in path.parent.glob("*")]
        expected = nearest(path.name, known) if known else "expected a model below models/"
        yield ConfigError(place, f"{file}: no such file", expected)
    elif path.is_file() and not is_keras_file(file):
        yield ConfigError(place, file, "expected a .keras or .h5 file, or a SavedModel folder")


def main_signature(config: Config) -> str:
    """Return the signature that the source model is known by."""
    return config.export.signature if config.model.is_keras() else config.model.signature
