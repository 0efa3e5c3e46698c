"""Is a converted file what was asked for? The converter itself never says that it is not."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Optimization, TensorType, Variant
from litemill.conversion import recipes
from litemill.tflite.description import CONVERSIONS, SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.tflite.description import Description, Operator, Signature, Tensor

# Constants with fewer elements stay float32. For dynamic range that is the converter's
# `minimum_elements_for_weights` (tensorflow/compiler/mlir/lite/quantization/lite/
# quantize_weights.h); float16 spares scalars.
LEAST = {Optimization.dynamic_range: 1024, Optimization.float16: 2}
FLOATS = {"float32", "float16", "bfloat16", "float64"}
NARROW = {"int2", "int4", "uint4", "int8", "uint8"}  # types that only quantization gives weights
INTEGER_ACTIVATIONS = {"int8", "uint8", "int16"}
# Operators with kernels for weights of every type; their weights are input 1. CONV_3D, say, has
# none for integer weights and float activations.
WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
EXPECTED = {
    Optimization.none: "float32",
    Optimization.dynamic_range: "dynamic range",
    Optimization.float16: "float16",
    Optimization.int8: "int8",
    Optimization.int16x8: "int16x8",
}


def arithmetic_of(found: Description) -> str:
    """Say what the arithmetic of a file is, from the types of its operators and weights.

    Returns:
        "float32", "float16" (float16 weights), "dynamic range" (integer weights, float
        activations), "int8" or "int16x8" (integer throughout), or "mixed" (integer with operators
        that compute in float).
    """
    floats, integers = float_operators(found), _integer_operators(found)
    if integers and floats:
        return "mixed"
    if integers:
        activations = {word for operator in integers for word in _activations(operator)}
        return "int16x8" if "int16" in activations and "int8" not in activations else "int8"
    types = {constant.dtype for constant in found.constants}
    if types & NARROW:
        return "dynamic range"
    return "float16" if "float16" in types else "float32"


def float_operators(found: Description) -> list[Operator]:
    """Give the operators that compute on real numbers; conversions of type are none of them."""
    return [
        operator
        for operator in found.operators
        if operator.name not in CONVERSIONS | SHAPES and FLOATS & {*_activations(operator)}
    ]


def mismatches(found: Description, variant: Variant, signature: Mapping[str, Any]) -> list[str]:
    """Tell in one line each how a file departs from what was asked; nothing when it does not.

    The converter orders the outputs of a subgraph as it likes; a signature tells them apart by
    name, so their names, types and shapes are compared, not their positions.

    Args:
        found: what the file is.
        variant: the conversion options.
        signature: {"key", "inputs", "outputs"} of the source model, as `export` writes it.
    """
    if variant.recipe is None:
        content = [*_arithmetic(found, variant), *_per_channel(found, variant)]
    else:
        content = [*_by_recipe(found, variant.recipe)]
    told = [
        *_gone(found),
        *content,
        *_unexpected(found, variant),
        *_signature(found, variant, signature),
    ]
    return list(dict.fromkeys(told))


def _gone(found: Description) -> Iterator[str]:
    if found.unset_variables:
        names = ", ".join(found.unset_variables[:3])
        more = len(found.unset_variables) - 3
        names += f" and {more} more" if more > 0 else ""
        yield f"the weights are gone: nothing sets the variables {names}"


def _arithmetic(found: Description, variant: Variant) -> Iterator[str]:
    asked, arithmetic = variant.optimization, arithmetic_of(found)
    if arithmetic == "mixed" and asked in {Optimization.int8, Optimization.int16x8}:
        yield from _mixed(found, variant)
    elif arithmetic != EXPECTED[asked] and not _nothing_to_shrink(found, asked):
        yield f"{asked.name} was asked, the file is {arithmetic} ({_weights(found)})"
    else:
        yield from _left(found, asked)


def _by_recipe(found: Description, rules: list[dict[str, Any]]) -> Iterator[str]:
    """Compare the types that rules ask for with those that there are, not with which operators."""
    arithmetic, static = arithmetic_of(found), recipes.activation_types(rules)
    if arithmetic == "float32":
        yield f"a recipe was asked, nothing is quantized ({_weights(found)})"
        return
    asked, there = recipes.weight_types(rules), _weight_types(found)
    for dtype in sorted(asked - there):
        yield f"a recipe of {dtype} weights was asked, the file has none ({_weights(found)})"
    for dtype in sorted(there - asked):
        yield f"the file has {dtype} weights, the recipe asks for none ({_weights(found)})"
    integers = {
        word for one in _integer_operators(found) for word in _activations(one)
    } & INTEGER_ACTIVATIONS
    for dtype in sorted(static - integers):
        yield f"a recipe of {dtype} activations was asked, the file has none"
    if integers and not static:
        yield f"the file has {', '.join(sorted(integers))} activations, the recipe asks for none"


def _weight_types(found: Description) -> set[str]:
    """Give the types of quantized weights, also of those that an operator dequantizes first."""
    return {
        constant.dtype
        for constant in found.constants
        if constant.dtype in NARROW | {"float16"}
        and (
            (constant.operator in WEIGHTED and constant.operand == 1)
            or constant.operator == "DEQUANTIZE"
        )
    }


def _nothing_to_shrink(found: Description, asked: Optimization) -> bool:
    """Tell whether a float32 file is right because no weights of it can be smaller."""
    if arithmetic_of(found) != "float32" or asked not in LEAST:
        return False
    return not any(
        constant.dtype == "float32"
        and constant.operator in WEIGHTED
        and constant.operand == 1
        and prod(constant.shape) >= LEAST[asked]
        for constant in found.constants
    )


def _mixed(found: Description, variant: Variant) -> Iterator[str]:
    activations = {word for one in _integer_operators(found) for word in _activations(one)}
    wanted, other = (
        ("int8", "int16")
        if variant.optimization is Optimization.int8
        else (
            "int16",
            "int8",
        )
    )
    if wanted not in activations and other in activations:
        yield f"{variant.optimization.name} was asked, the activations are {other}"
    # Where layers were named, `litemill.conversion.float_layers` tells which others compute in float.
    if not variant.float_fallback and not variant.float_layers:
        for operator in float_operators(found):
            yield f"{operator.name} computes in float ({operator.types}); no fallback was asked"


def _left(found: Description, asked: Optimization) -> Iterator[str]:
    """Name weights that were left in a larger type than asked."""
    for constant in found.constants if asked in LEAST else ():
        weight = constant.operator in WEIGHTED and constant.operand == 1
        if weight and constant.dtype == "float32" and prod(constant.shape) >= LEAST[asked]:
            yield f"the weights {constant.name!r} stayed float32; {asked.name} was asked"


def _per_channel(found: Description, variant: Variant) -> Iterator[str]:
    for constant in found.constants:
        dense = constant.operator == "FULLY_CONNECTED" and constant.operand == 1
        if not dense or constant.dtype not in NARROW or constant.shape[0] == 1:
            continue
        if (constant.scales > 1) != variant.per_channel_dense:
            way = "per channel" if constant.scales > 1 else "per tensor"
            yield f"the dense weights {constant.name!r} are quantized {way}"


def _unexpected(found: Description, variant: Variant) -> Iterator[str]:
    for operator in found.operators:
        flex = operator.name.startswith("Flex")
        allowed = variant.select_tf_ops if flex else operator.name in variant.custom_ops
        if operator.custom and not allowed:
            what = "TensorFlow operator" if flex else "custom operator"
            yield f"{operator.name} is a {what}, which the LiteRT runtime alone does not have"
    if variant.recipe is not None or arithmetic_of(found) not in {"int8", "int16x8"}:
        return
    inside = [one for one in found.operators if one.name in CONVERSIONS and _through(one)]
    for operator in inside:
        if operator.boundary < operator.count:
            more = operator.count - operator.boundary
            yield f"{more} {operator.name} ({operator.types}) inside an integer-only model"


def _through(operator: Operator) -> bool:
    """Tell whether a conversion is between real and whole numbers, not of constants."""
    words = [word.strip() for word in operator.types.replace("->", ",").split(",")]
    return bool(FLOATS & {*words}) and not words[0].startswith("(")


def _signature(found: Description, variant: Variant, asked: Mapping[str, Any]) -> Iterator[str]:
    signatures: dict[str, Signature] = {one.key: one for one in found.signatures}
    if asked["key"] not in signatures:
        there = ", ".join(map(repr, signatures)) or "none"
        yield f"the signature {asked['key']!r} is not in the file; there is {there}"
        return
    signature = signatures[asked["key"]]
    yield from _tensors("input", signature.inputs, asked["inputs"], variant.input_type)
    yield from _tensors("output", signature.outputs, asked["outputs"], variant.output_type)


def _tensors(
    side: str, found: dict[str, Tensor], asked: Mapping[str, Any], dtype: TensorType
) -> Iterator[str]:
    for name in sorted(set(asked) - set(found)):
        there = ", ".join(map(repr, sorted(found))) or "none"
        yield f"the {side} {name!r} is not in the file; there is {there}"
    for name in sorted(set(found) - set(asked)):
        yield f"the {side} {name!r} was not asked"
    for name in sorted(set(found) & set(asked)):
        tensor, want = found[name], asked[name]
        # Only real numbers are quantized; indices and flags keep their type.
        wanted = dtype.name if want["dtype"] == "float32" else want["dtype"]
        if tensor.dtype != wanted:
            yield f"the {side} {name!r} is {tensor.dtype}; {wanted} was asked"
        elif wanted != want["dtype"] and tensor.scale is None:
            yield f"the {side} {name!r} is {tensor.dtype} without a scale"
        if want["shape"] is None:  # a tensor of any rank
            continue
        shape = [-1 if size is None else size for size in want["shape"]]
        if not _same(side, tensor.shape, shape):
            yield f"the {side} {name!r} is of shape {list(tensor.shape)}; {shape} was asked"


def _same(side: str, found: tuple[int, ...], asked: list[int]) -> bool:
    """Compare shapes; the converter may know more or less of an output's, not of its batch."""
    if side == "input":
        return list(found) == asked
    free = [-1 in pair and place > 0 for place, pair in enumerate(zip(found, asked, strict=False))]
    return len(found) == len(asked) and all(
        loose or got == want for loose, got, want in zip(free, found, asked, strict=True)
    )


def _activations(operator: Operator) -> Iterator[str]:
    """Give the types of an operator's tensors that are no constants."""
    for word in operator.types.replace(" -> ", ", ").split(", "):
        if not word.startswith("("):
            yield word


def _integer_operators(found: Description) -> list[Operator]:
    """Give the operators whose inputs are quantized activations."""
    return [
        operator
        for operator in found.operators
        if operator.name not in CONVERSIONS | SHAPES
        and not FLOATS & {*_activations(operator)}
        and INTEGER_ACTIVATIONS & {*operator.types.partition(" -> ")[0].split(", ")}
    ]


def _weights(found: Description) -> str:
    told = [f"{share.elements} {dtype}" for dtype, share in found.weights.items()]
    return "weights: " + (", ".join(told) or "none")
