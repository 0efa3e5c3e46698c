"""Quantization by litert-quantizer: recipes by name or as rules, and float files quantized by one.

A rule says which operators (a regular expression on the names of their outputs, and a kind), which
algorithm, how many bits; the last rule that fits an operator holds. A rule may take all but the
operators from a recipe: `{regex: dense, operation: FULLY_CONNECTED, recipe: dynamic_wi4_afp32}`.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, ConversionError, first_line, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from litemill.conversion.float_layers import Layer

KEYS = ("regex", "operation", "algorithm_key", "op_config")
ANY = {"regex": ".*", "operation": "*"}


def resolve_recipe(recipe: Any, place: str) -> list[dict[str, Any]]:
    """Give a recipe as rules in plain values: those that it lists, or that its name stands for.

    Raises:
        ConfigError: no recipe of that name, no rules, or rules that the quantizer refuses.
    """
    if isinstance(recipe, str):
        return _by_name(recipe, place)
    if not isinstance(recipe, list) or not recipe:
        raise ConfigError(place, f"found {recipe!r}", "expected a recipe's name, or its rules")
    rules = [one for rule in recipe for one in _rules(rule, place)]
    _refuse_wrong(rules, place)
    return rules


def named_recipes() -> dict[str, Callable[[], Any]]:
    """Give the quantizer's own recipes by name: the public functions of its module `recipe`.

    Recipes that have other rules for each signature, made for one family of models, are left out.
    """
    from litert_quantizer import recipe

    functions = {
        name: function
        for name, function in inspect.getmembers(recipe, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == recipe.__name__
    }
    return {name: function for name, function in functions.items() if isinstance(function(), list)}


def recipe_is_calibrated(rules: Any) -> bool:
    """Tell whether resolved rules take samples: activations quantized ahead of time, or GPTQ."""
    return isinstance(rules, list) and any(
        (rule.get("op_config") or {}).get("activation_tensor_config") is not None
        or rule.get("algorithm_key") == "GPTQ"
        for rule in rules
        if isinstance(rule, dict)
    )


def weight_types(rules: list[dict[str, Any]]) -> set[str]:
    """Give the types that rules ask for weights, such as int4; float16 for 16 bits of float."""
    kinds = {"INT": "int", "FLOAT": "float"}
    asked = [(rule.get("op_config") or {}).get("weight_tensor_config") or {} for rule in rules]
    return {
        f"{kinds[config.get('dtype', 'INT')]}{config['num_bits']}"
        for config in asked
        if "num_bits" in config
    }


def activation_types(rules: list[dict[str, Any]]) -> set[str]:
    """Give the integer types that rules ask for activations, ahead of time."""
    asked = [(rule.get("op_config") or {}).get("activation_tensor_config") or {} for rule in rules]
    return {f"int{config['num_bits']}" for config in asked if "num_bits" in config}


def with_float_ends(rules: list[dict[str, Any]], operations: Iterable[str]) -> list[dict[str, Any]]:
    """Give rules that leave the model's INPUT or OUTPUT in float."""
    spare = {**ANY, "algorithm_key": "no_quantize", "op_config": {}}
    return [*rules, *({**spare, "operation": operation} for operation in operations)]


def without_layers(rules: list[dict[str, Any]], layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Give rules that leave layers of the file in float; what cannot be quantized is so anyway."""
    from litert_quantizer.qtyping import TFLOperationName

    known = {operation.value for operation in TFLOperationName}
    return [
        *rules,
        *(
            {
                # The quantizer puts a semicolon behind the name of each output.
                "regex": f"^{re.escape(layer.name)};",
                "operation": layer.operator,
                "algorithm_key": "no_quantize",
                "op_config": {},
            }
            for layer in layers
            if layer.operator in known
        ),
    ]


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
    from litert_quantizer.quantizer import Quantizer

    try:
        quantizer = Quantizer(bytearray(content))
        quantizer.load_quantization_recipe(rules)
        result = None
        if quantizer.need_calibration:
            assert representative_dataset is not None
            # One thread, so that the order of the samples is the same everywhere.
            result = quantizer.calibrate({key: list(representative_dataset())}, num_threads=1)
        return bytes(quantizer.quantize(result).quantized_model)
    except (ValueError, RuntimeError, KeyError, TypeError, NotImplementedError) as error:
        told = f"litert-quantizer: {_named(error)}"
        raise ConversionError(place, told, "see its recipes") from error


def _by_name(name: str, place: str) -> list[dict[str, Any]]:
    known = named_recipes()
    if name not in known:
        raise ConfigError(place, f"no recipe {name!r}", nearest(name, known))
    rules: list[dict[str, Any]] = _plain(known[name]())
    return rules


def _rules(rule: Any, place: str) -> Iterator[dict[str, Any]]:
    if not isinstance(rule, dict):
        raise ConfigError(place, f"found {rule!r}", "expected a rule, that is a mapping")
    known = ("regex", "operation", "recipe") if "recipe" in rule else KEYS
    for key in rule:
        if key not in known:
            raise ConfigError(place, f"no key {key!r} in a rule", nearest(str(key), known))
    if "recipe" in rule:
        own = {key: rule[key] for key in ANY if key in rule}
        for one in _by_name(rule["recipe"], place):
            yield {**one, **own}
    elif "algorithm_key" not in rule:
        raise ConfigError(place, "a rule without algorithm_key", "expected that, or a recipe")
    else:
        yield {**ANY, "op_config": {}, **rule}


def _refuse_wrong(rules: list[dict[str, Any]], place: str) -> None:
    from litert_quantizer.recipe_manager import RecipeManager

    try:
        RecipeManager().load_quantization_recipe(rules)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"litert-quantizer refuses a rule ({_named(error)})"
        raise ConfigError(place, told, "see its documentation of recipes") from None


def _named(error: Exception) -> str:
    # A KeyError's own words are the key and nothing else.
    kind, told = type(error).__name__, first_line(error)
    return kind if told == kind else f"{kind}: {told}"


def _plain(value: Any) -> Any:
    """Give enumerations as the words that JSON recipes have for them."""
    if isinstance(value, dict):
        return {str(getattr(key, "value", key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "value", value)
