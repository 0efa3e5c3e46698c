"""Is a converted file what was requested? The converter itself never says that it is not."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Optimization, TensorType, Variant
from litemill.conversion import recipes
from litemill.conversion.arithmetic import (
    FLOATS,
    INTEGER_ACTIVATIONS,
    NARROW,
    activation_types,
    arithmetic_of,
    float_operators,
    integer_operators,
)
from litemill.conversion.graph_names import GraphNames
from litemill.tflite.description import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from litemill.tflite.description import Constant, Description, Operator, Signature, Tensor

# Constants with fewer elements stay float32. For dynamic range that is the converter's
# `minimum_elements_for_weights` (tensorflow/compiler/mlir/lite/quantization/lite/
# quantize_weights.h); float16 leaves scalars alone.
LEAST = {Optimization.dynamic_range: 1024, Optimization.float16: 2}
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
_ACTIVATIONS = {Optimization.int8: "int8", Optimization.int16x8: "int16"}
FALLBACK = "`float_fallback: true` allows it"
_NAMED = 3  # variables that a message names


def uninitialised_variables(file: Description) -> list[str]:
    """Return a line that names the variables which nothing sets; nothing where there are none."""
    names = list(file.unset_variables[:_NAMED])
    more = len(file.unset_variables) - len(names)
    text = ", ".join(names) + (f" and {more} more" if more else "")
    return [f"uninitialised variables: {text}"] if names else []


def has_no_large_weights(file: Description, requested: Optimization) -> bool:
    """Return whether no float32 weights of a file are large enough to be optimized."""
    return requested in LEAST and not any(
        constant.dtype == "float32" and _is_large_weight(constant, requested)
        for constant in file.constants
    )


def mismatches(
    file: Description,
    variant: Variant,
    signature: Mapping[str, Any],
    names: GraphNames = GraphNames(),  # noqa: B008  # it is frozen
) -> list[str]:
    """Describe in a line each how a file differs from what was requested.

    The converter orders the outputs of a subgraph as it likes; a signature tells them apart by
    name, so their names, types and shapes are compared, not their positions.

    Args:
        file: what the file is.
        variant: the conversion options.
        signature: {"key", "inputs", "outputs"} of the source model, as `export` writes it.
        names: those in the file's graph, for messages.

    Returns:
        Lines such as `requested int8, got dynamic range (weights: 360 int8)`.
    """
    if variant.recipe is None:
        content = [*_arithmetic(file, variant, names), *_per_channel(file, variant)]
    else:
        content = [*_recipe(file, variant.recipe)]
    lines = [
        *uninitialised_variables(file),
        *content,
        *_foreign_operators(file, variant),
        *_inner_conversions(file, variant),
        *_signature(file, variant, signature, names.unused),
    ]
    return list(dict.fromkeys(lines))


def _arithmetic(file: Description, variant: Variant, names: GraphNames) -> Iterator[str]:
    requested, arithmetic = variant.optimization, arithmetic_of(file)
    if arithmetic == "mixed" and requested in _ACTIVATIONS:
        yield from _mixed(file, variant, names)
    elif arithmetic == EXPECTED[requested]:
        yield from _large_weights(file, requested)
    elif arithmetic != "float32" or not has_no_large_weights(file, requested):
        yield f"requested {EXPECTED[requested]}, got {arithmetic} ({_weights(file)})"


def _recipe(file: Description, rules: list[dict[str, Any]]) -> Iterator[str]:
    """Compare the types that rules request with those that there are, not with which operators."""
    if arithmetic_of(file) == "float32":
        yield f"requested a recipe, nothing is quantized ({_weights(file)})"
        return
    requested, present = recipes.weight_types(rules), _weight_types(file)
    for dtype in sorted(requested - present):
        yield f"the recipe requests {dtype} weights, got none ({_weights(file)})"
    for dtype in sorted(present - requested):
        yield f"got {dtype} weights, which the recipe does not request ({_weights(file)})"
    requested = recipes.activation_types(rules)
    present = activation_types(integer_operators(file)) & INTEGER_ACTIVATIONS
    for dtype in sorted(requested - present):
        yield f"the recipe requests {dtype} activations, got none"
    if present and not requested:
        yield f"got {', '.join(sorted(present))} activations, which the recipe does not request"


def _weight_types(file: Description) -> set[str]:
    """Return the types of quantized weights, also of those that an operator dequantizes first."""
    return {
        constant.dtype
        for constant in file.constants
        if constant.dtype in NARROW | {"float16"}
        and (_is_weight(constant) or constant.operator == "DEQUANTIZE")
    }


def _is_weight(constant: Constant) -> bool:
    return constant.operator in WEIGHTED and constant.operand == 1


def _is_large_weight(constant: Constant, requested: Optimization) -> bool:
    return _is_weight(constant) and prod(constant.shape) >= LEAST[requested]


def _mixed(file: Description, variant: Variant, names: GraphNames) -> Iterator[str]:
    activations = activation_types(integer_operators(file))
    wanted = _ACTIVATIONS[variant.optimization]
    (other,) = {"int8", "int16"} - {wanted}
    if wanted not in activations and other in activations:
        yield f"requested {variant.optimization.name}, got {other} activations"
    # Where layers are named, `FloatLayers.mismatches` finds the others that compute in float.
    if not variant.float_fallback and not variant.float_layers:
        for operator in float_operators(file):
            found = f"{operator.name}{names.layers(operator.name)} computes in float"
            yield f"{found} ({operator.types}); no fallback requested: {FALLBACK}"


def _large_weights(file: Description, requested: Optimization) -> Iterator[str]:
    """Name weights that were left in a larger type than requested."""
    for constant in file.constants if requested in LEAST else ():
        if constant.dtype == "float32" and _is_large_weight(constant, requested):
            yield f"weights {constant.name!r}: requested {EXPECTED[requested]}, got float32"


def _per_channel(file: Description, variant: Variant) -> Iterator[str]:
    for constant in file.constants:
        dense = constant.operator == "FULLY_CONNECTED" and constant.operand == 1
        if not dense or constant.dtype not in NARROW or constant.shape[0] == 1:
            continue
        if (constant.scales > 1) != variant.per_channel_dense:
            ways = ["per tensor", "per channel"]
            requested, got = ways[variant.per_channel_dense], ways[constant.scales > 1]
            yield f"dense weights {constant.name!r}: requested {requested}, got {got}"


def _foreign_operators(file: Description, variant: Variant) -> Iterator[str]:
    for operator in file.operators:
        flex = operator.name.startswith("Flex")
        allowed = variant.select_tf_ops if flex else operator.name in variant.custom_ops
        if operator.custom and not allowed:
            kind = "TensorFlow operator" if flex else "custom operator"
            yield f"{operator.name} is a {kind}, which the LiteRT runtime alone does not have"


def _inner_conversions(file: Description, variant: Variant) -> Iterator[str]:
    if variant.recipe is not None or arithmetic_of(file) not in {"int8", "int16x8"}:
        return
    for operator in file.operators:
        inner = operator.count - operator.boundary
        if operator.name in CONVERSIONS and _converts_activations(operator) and inner > 0:
            yield f"{inner} {operator.name} ({operator.types}) inside an integer-only model"


def _converts_activations(operator: Operator) -> bool:
    """Return whether a conversion is between real and whole numbers, not of constants."""
    of_constant = bool(operator.inputs) and operator.inputs[0].constant
    return bool(FLOATS & operator.activations) and not of_constant


def _signature(
    file: Description, variant: Variant, requested: Mapping[str, Any], unused: Collection[str]
) -> Iterator[str]:
    signatures: dict[str, Signature] = {signature.key: signature for signature in file.signatures}
    if requested["key"] not in signatures:
        present = ", ".join(map(repr, signatures)) or "none"
        yield f"requested the signature {requested['key']!r}, got {present}"
        return
    signature = signatures[requested["key"]]
    inputs = signature.inputs
    yield from _tensors("input", inputs, requested["inputs"], variant.input_type, unused)
    yield from _tensors("output", signature.outputs, requested["outputs"], variant.output_type)


def _tensors(
    side: str,
    present: dict[str, Tensor],
    requested: Mapping[str, Any],
    dtype: TensorType,
    unused: Collection[str] = (),
) -> Iterator[str]:
    for name in sorted(name for name in requested if "\0" in name):
        yield f"{side} {name!r}: LiteRT ends names at NUL; rename it in the source model"
    for name in sorted(set(requested) - set(present)):
        names = ", ".join(map(repr, sorted(present))) or "none"
        yield f"{side} {name!r} is not in the file, which has {names}"
    for name in sorted(set(present) - set(requested)):
        yield f"{side} {name!r} was not requested"
    for name in sorted(set(present) & set(requested)):
        if name in unused and present[name].dtype == requested[name]["dtype"] != dtype.name:
            if present[name].dtype == "float32":
                cure = "remove it from the model, or take `input_type: float32`"
                yield f"input {name!r} is unused, and stays float32: {cure}"
            continue
        yield from _tensor(side, name, present[name], requested[name], dtype)


def _tensor(
    side: str, name: str, tensor: Tensor, requested: Mapping[str, Any], dtype: TensorType
) -> Iterator[str]:
    # Only real numbers are quantized; indices and flags keep their type.
    wanted = dtype.name if requested["dtype"] == "float32" else requested["dtype"]
    if tensor.dtype != wanted:
        yield f"{side} {name!r}: requested {wanted}, got {tensor.dtype}"
    elif wanted != requested["dtype"] and tensor.scale is None:
        yield f"{side} {name!r} is {tensor.dtype} without a scale"
    if requested["shape"] is None:  # a tensor of any rank
        return
    shape = [-1 if size is None else size for size in requested["shape"]]
    if not _same_shape(side, tensor.shape, shape):
        yield f"{side} {name!r}: requested shape {shape}, got {list(tensor.shape)}"


def _same_shape(side: str, present: tuple[int, ...], requested: list[int]) -> bool:
    """Compare shapes; the converter may know more or less of an output's, not of its batch."""
    if side == "input":
        return list(present) == requested
    return len(present) == len(requested) and all(
        (axis > 0 and -1 in (got, want)) or got == want
        for axis, (got, want) in enumerate(zip(present, requested, strict=True))
    )


def _weights(file: Description) -> str:
    shares = [f"{share.elements} {dtype}" for dtype, share in file.weights.items()]
    return "weights: " + (", ".join(shares) or "none")
