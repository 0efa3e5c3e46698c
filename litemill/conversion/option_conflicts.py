"""Combinations of options that the converter does not support, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.schema.variant import CALIBRATED, Optimization, Route, TensorType, Variant
from litemill.conversion import recipes
from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # An option, what it is, and what was expected.
    Conflict = tuple[str, str, str]

_TYPES = {
    Optimization.none: [TensorType.float32],
    Optimization.dynamic_range: [TensorType.float32],
    Optimization.float16: [TensorType.float32],
    Optimization.int8: [TensorType.float32, TensorType.int8, TensorType.uint8],
    Optimization.int16x8: [TensorType.float32, TensorType.int16],
}
# Options for which the tflite_convert program has no flag.
_WITHOUT_FLAG = ("select_tf_ops", "custom_ops", "per_channel_dense")


def conflicts(variant: Variant, place: Callable[[str], str] = str) -> list[ConfigError]:
    """List why a variant cannot be made; empty when it can.

    Args:
        variant: the options; a recipe is resolved.
        place: names the place of an option, such as `calibration.samples`.
    """
    checks = (_types, _cli_route, _calibration, _float_parts, _recipe, _batch)
    # One error an option is enough; the later check knows more.
    last = {option: (found, due) for check in checks for option, found, due in check(variant)}
    return [ConfigError(place(option), found, due) for option, (found, due) in last.items()]


def needs_calibration(variant: Variant) -> bool:
    """Return whether a variant is calibrated, by its optimization or its resolved recipe."""
    return variant.optimization in CALIBRATED or recipes.recipe_is_calibrated(variant.recipe)


def too_few_samples(requested: int, available: float, place: str) -> ConfigError:
    """Return the error of a calibration split with fewer samples than a variant requests."""
    expected = f"expected at most {available:.15g}, or more for data.split.calibration"
    return ConfigError(place, f"asks for {requested} of {available:.15g} samples", expected)


def _types(variant: Variant) -> Iterator[Conflict]:
    allowed, method = _TYPES[variant.optimization], f"optimization {variant.optimization.name}"
    if variant.recipe is not None:
        names = {"float32", *recipes.activation_types(variant.recipe)}
        allowed, method = [kind for kind in TensorType if kind.name in names], "this recipe"
    for option in ("input_type", "output_type"):
        kind = getattr(variant, option)
        if kind not in allowed:
            expected = f"expected one of: {', '.join(each.name for each in allowed)}"
            yield option, f"{kind.name} with {method}", expected


def _cli_route(variant: Variant) -> Iterator[Conflict]:
    if variant.route is not Route.cli:
        return
    if variant.optimization is not Optimization.none:
        why = "the tflite_convert program has no quantization flags"
        expected = f"{why}: use the route saved_model, which gives the same bytes"
        yield "optimization", f"{variant.optimization.name} by the route cli", expected
    default = Variant()
    for option in _WITHOUT_FLAG:
        value = getattr(variant, option)
        if value != getattr(default, option):
            word = str(value).lower() if isinstance(value, bool) else value
            expected = "the tflite_convert program has no flag for it: use the route saved_model"
            yield option, f"{word} by the route cli", expected


def _calibration(variant: Variant) -> Iterator[Conflict]:
    samples = variant.calibration.samples
    if (variant.optimization in CALIBRATED or variant.recipe) and samples < 1:
        yield "calibration.samples", str(samples), "expected at least 1"


def _float_parts(variant: Variant) -> Iterator[Conflict]:
    method, layers = variant.optimization, variant.float_layers
    calibrated = method in CALIBRATED
    if variant.float_fallback and not calibrated:
        expected = "it only concerns int8 and int16x8"
        yield "float_fallback", f"true with optimization {method.name}", expected
    if layers and variant.recipe is None and method is not Optimization.int8:
        found = f"{len(layers)} with optimization {method.name}, by which the converter "
        expected = "expected optimization int8, or a recipe"
        yield "float_layers", f"{found}spares no layer", expected
    elif len(set(layers)) < len(layers):
        yield "float_layers", "a layer twice", "expected each once"
    if variant.select_tf_ops and calibrated and not variant.float_fallback:
        expected = "TensorFlow's kernels compute in float: set float_fallback: true"
        yield "select_tf_ops", "true for an integer-only model", expected


def _recipe(variant: Variant) -> Iterator[Conflict]:
    if variant.recipe is not None and variant.optimization is not Optimization.none:
        found = f"a recipe beside optimization {variant.optimization.name}"
        expected = "expected one of the two: a recipe quantizes the float file"
        yield "recipe", found, expected


def _batch(variant: Variant) -> Iterator[Conflict]:
    if variant.batch is not None and variant.batch < 1:
        yield "batch", str(variant.batch), "expected at least 1, or null for any"
