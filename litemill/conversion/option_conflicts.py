"""What a variant can say: combinations of options that the converter cannot express, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.schema.variant import CALIBRATED, Optimization, Route, TensorType, Variant
from litemill.conversion import recipes
from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = {
    Optimization.none: [TensorType.float32],
    Optimization.dynamic_range: [TensorType.float32],
    Optimization.float16: [TensorType.float32],
    Optimization.int8: [TensorType.float32, TensorType.int8, TensorType.uint8],
    Optimization.int16x8: [TensorType.float32, TensorType.int16],
}


def conflicts(variant: Variant) -> dict[str, str]:
    """Tell by option why a variant cannot be made; empty when it can.

    The values read *what was found; what was expected*.
    """
    found = {**dict(_types(variant)), **dict(_by_program(variant))}
    asked = variant.optimization
    if (asked in CALIBRATED or variant.recipe) and variant.calibration.samples < 1:
        found["calibration.samples"] = f"{variant.calibration.samples}; expected at least 1"
    if variant.float_fallback and asked not in CALIBRATED:
        found["float_fallback"] = (
            f"true with optimization {asked.name}; it only concerns int8 and int16x8"
        )
    if variant.float_layers and variant.recipe is None and asked is not Optimization.int8:
        found["float_layers"] = (
            f"{len(variant.float_layers)} with optimization {asked.name}, by which the converter "
            "spares no layer; expected optimization int8, or a recipe"
        )
    elif len(set(variant.float_layers)) < len(variant.float_layers):
        found["float_layers"] = "a layer twice; expected each once"
    if variant.select_tf_ops and asked in CALIBRATED and not variant.float_fallback:
        found["select_tf_ops"] = (
            "true for an integer-only model; TensorFlow's kernels compute in float: "
            "set float_fallback: true"
        )
    if variant.recipe is not None and asked is not Optimization.none:
        found["recipe"] = (
            f"a recipe beside optimization {asked.name}; expected one of the two: a recipe "
            "quantizes the float file"
        )
    if variant.batch is not None and variant.batch < 1:
        found["batch"] = f"{variant.batch}; expected at least 1, or null for any"
    return found


def needs_calibration(variant: Variant) -> bool:
    """Tell whether a variant is calibrated, by its optimization or its resolved recipe."""
    return variant.optimization in CALIBRATED or recipes.recipe_is_calibrated(variant.recipe)


def too_few_samples(asked: int, there: float, place: str) -> ConfigError:
    """Say that a calibration split of `there` samples has fewer than a variant asks for."""
    told = f"expected at most {there:.15g}, or more for data.split.calibration"
    return ConfigError(place, f"asks for {asked} of {there:.15g} samples", told)


def _by_program(variant: Variant) -> Iterator[tuple[str, str]]:
    """Tell what the route cli cannot do: the tflite_convert program has no flags for it."""
    if variant.route is not Route.cli:
        return
    same = "use the route saved_model, which gives the same bytes"
    asked = variant.optimization
    if asked is not Optimization.none:
        told = "by the route cli; the tflite_convert program has no quantization flags"
        yield "optimization", f"{asked.name} {told}: {same}"
    default = Variant()
    for option in ("select_tf_ops", "custom_ops", "per_channel_dense"):
        value = getattr(variant, option)
        if value != getattr(default, option):
            word = str(value).lower() if isinstance(value, bool) else value
            told = "by the route cli; the tflite_convert program has no flag for it"
            yield option, f"{word} {told}: use the route saved_model"


def _types(variant: Variant) -> Iterator[tuple[str, str]]:
    for option in ("input_type", "output_type"):
        asked, allowed = getattr(variant, option), _TYPES[variant.optimization]
        if variant.recipe is not None:
            static = recipes.activation_types(variant.recipe)
            allowed = [kind for kind in TensorType if kind.name in {"float32", *static}]
        if asked not in allowed:
            names = ", ".join(kind.name for kind in allowed)
            way = "this recipe" if variant.recipe else f"optimization {variant.optimization.name}"
            found = f"{asked.name} with {way}"
            yield option, f"{found}; expected one of: {names}"
