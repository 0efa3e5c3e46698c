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
    """Return a recipe as rules in plain values: those that it lists, or that its name stands for.

    Raises:
        ConfigError: no recipe of that name, no rules, or rules that the quantizer refuses.
    """
    if isinstance(recipe, str):
        return _by_name(recipe, place)
    if not isinstance(recipe, list) or not recipe:
        raise ConfigError(place, repr(recipe), "expected a recipe's name, or its rules")
    rules = [resolved for rule in recipe for resolved in _rules(rule, place)]
    _refuse_wrong(rules, place)
    return rules


def named_recipes() -> dict[str, Callable[[], Any]]:
    """Return the quantizer's own recipes by name: the public functions of its module `recipe`.

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
    """Return whether resolved rules need samples: for static activations, or GPTQ."""
    return isinstance(rules, list) and any(
        (rule.get("op_config") or {}).get("activation_tensor_config") is not None
        or rule.get("algorithm_key") == "GPTQ"
        for rule in rules
        if isinstance(rule, dict)
    )


def weight_types(rules: list[dict[str, Any]]) -> set[str]:
    """Return the types that rules request for weights, such as int4; float16 for 16 float bits."""
    kinds = {"INT": "int", "FLOAT": "float"}
    configs = [(rule.get("op_config") or {}).get("weight_tensor_config") or {} for rule in rules]
    return {
        f"{kinds[config.get('dtype', 'INT')]}{config['num_bits']}"
        for config in configs
        if "num_bits" in config
    }


def activation_types(rules: list[dict[str, Any]]) -> set[str]:
    """Return the integer types that rules request for static activations."""
    configs = [
        (rule.get("op_config") or {}).get("activation_tensor_config") or {} for rule in rules
    ]
    return {f"int{config['num_bits']}" for config in configs if "num_bits" in config}


def with_float_ends(rules: list[dict[str, Any]], operations: Iterable[str]) -> list[dict[str, Any]]:
    """Return rules that also leave the model's INPUT or OUTPUT in float."""
    float_rule = {**ANY, "algorithm_key": "no_quantize", "op_config": {}}
    return [*rules, *({**float_rule, "operation": operation} for operation in operations)]


def without_layers(rules: list[dict[str, Any]], layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return rules that also leave layers in float; what cannot be quantized is so anyway."""
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
        representative_dataset: iterates over its samples; needed where it is calibrated.
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
        message = f"litert-quantizer: {_describe(error)}"
        raise ConversionError(place, message, "see its recipes") from error


def _by_name(name: str, place: str) -> list[dict[str, Any]]:
    known = named_recipes()
    if name not in known:
        raise ConfigError(place, f"no recipe {name!r}", nearest(name, known))
    rules: list[dict[str, Any]] = _plain(known[name]())
    return rules


def _rules(rule: Any, place: str) -> Iterator[dict[str, Any]]:
    if not isinstance(rule, dict):
        raise ConfigError(place, repr(rule), "expected a rule, that is a mapping")
    known = ("regex", "operation", "recipe") if "recipe" in rule else KEYS
    for key in rule:
        if key not in known:
            raise ConfigError(place, f"no key {key!r} in a rule", nearest(str(key), known))
    if "recipe" in rule:
        own = {key: rule[key] for key in ANY if key in rule}
        for resolved in _by_name(rule["recipe"], place):
            yield {**resolved, **own}
    elif "algorithm_key" not in rule:
        raise ConfigError(place, "a rule without algorithm_key", "expected that, or a recipe")
    else:
        yield {**ANY, "op_config": {}, **rule}


def _refuse_wrong(rules: list[dict[str, Any]], place: str) -> None:
    from litert_quantizer.recipe_manager import RecipeManager

    try:
        RecipeManager().load_quantization_recipe(rules)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"litert-quantizer refuses a rule ({_describe(error)})"
        raise ConfigError(place, message, "see its documentation of recipes") from None


def _describe(error: Exception) -> str:
    # The text of a KeyError is the key and nothing else.
    kind, text = type(error).__name__, first_line(error)
    return kind if text == kind else f"{kind}: {text}"


def _plain(value: Any) -> Any:
    """Replace enumerations by their values, as in JSON recipes."""
    if isinstance(value, dict):
        return {str(getattr(key, "value", key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "value", value)
