"""Quantization by ai-edge-quantizer: recipes by name, and float files quantized by one.

A recipe is a list of rules: which operators (a regular expression on their tensors' names, and a
kind), which algorithm, how many bits. See the quantizer's own documentation.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from stages.errors import ConfigError, ConversionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable


def resolve(recipe: Any, place: str) -> list[dict[str, Any]]:
    """Give a recipe as its rules: those that it lists, or those that its name stands for.

    Raises:
        ConfigError: there is no recipe of that name, or a rule is no mapping.
    """
    if isinstance(recipe, str):
        known = named()
        if recipe not in known:
            raise ConfigError(place, f"no recipe {recipe!r}", nearest(recipe, known))
        rules: list[dict[str, Any]] = _plain(known[recipe]())
        return rules
    if not isinstance(recipe, list) or not all(isinstance(rule, dict) for rule in recipe):
        raise ConfigError(place, f"found {recipe!r}", "expected a recipe's name, or its rules")
    return recipe


def named() -> dict[str, Callable[[], Any]]:
    """Give the quantizer's own recipes by name: the public functions of its module `recipe`."""
    from ai_edge_quantizer import recipe

    return {
        name: function
        for name, function in inspect.getmembers(recipe, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == recipe.__name__
    }


def calibrated(rules: Any) -> bool:
    """Tell whether rules quantize activations ahead of time, which takes samples."""
    return bool(rules) and any(
        rule.get("op_config", {}).get("activation_tensor_config") is not None for rule in rules
    )


def quantize(
    content: bytes,
    rules: list[dict[str, Any]],
    key: str,
    representative_dataset: Callable[[], Any] | None,
    *,
    place: str,
) -> bytes:
    """Quantize a float .tflite file.

    Args:
        content: the file.
        rules: the resolved recipe.
        key: the signature that calibration runs.
        representative_dataset: gives its samples; needed where `calibrated`.
        place: what errors call the file.

    Raises:
        ConversionError: the quantizer refuses the recipe or the file.
    """
    from ai_edge_quantizer.quantizer import Quantizer

    try:
        quantizer = Quantizer(bytearray(content))
        quantizer.load_quantization_recipe(rules)
        result = None
        if quantizer.need_calibration:
            assert representative_dataset is not None
            # One thread, so that the order of the samples is the same everywhere.
            result = quantizer.calibrate({key: list(representative_dataset())}, num_threads=1)
        return bytes(quantizer.quantize(result).quantized_model)
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConversionError(place, f"ai-edge-quantizer: {told}", "see its recipes") from error


def _plain(value: Any) -> Any:
    """Give enumerations as the words that JSON recipes have for them."""
    if isinstance(value, dict):
        return {str(getattr(key, "value", key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "value", value)
