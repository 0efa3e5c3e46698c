"""What a .tflite file computes in: classified by its operators and weights, not by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.tflite.description import CONVERSIONS, SHAPES

if TYPE_CHECKING:
    from litemill.tflite.description import Description, Operator

FLOATS = {"float32", "float16", "bfloat16", "float64"}
NARROW = {"int2", "int4", "uint4", "int8", "uint8"}  # types that only quantization gives weights
INTEGER_ACTIVATIONS = {"int8", "uint8", "int16"}


def arithmetic_of(file: Description) -> str:
    """Classify the arithmetic of a file by the types of its operators and weights.

    Returns:
        "float32", "float16" (float16 weights), "dynamic range" (integer weights, float
        activations), "int8" or "int16x8" (integer throughout), or "mixed" (integer with operators
        that compute in float).
    """
    floats, integers = float_operators(file), integer_operators(file)
    if integers and floats:
        return "mixed"
    if integers:
        activations = activation_types(integers)
        return "int16x8" if "int16" in activations and "int8" not in activations else "int8"
    types = {constant.dtype for constant in file.constants}
    if types & NARROW:
        return "dynamic range"
    return "float16" if "float16" in types else "float32"


def float_operators(file: Description) -> list[Operator]:
    """Return the operators that compute on real numbers; conversions of type are none of them."""
    return [
        operator
        for operator in file.operators
        if operator.name not in CONVERSIONS | SHAPES and FLOATS & operator.activations
    ]


def integer_operators(file: Description) -> list[Operator]:
    """Return the operators whose inputs are quantized activations."""
    return [
        operator
        for operator in file.operators
        if operator.name not in CONVERSIONS | SHAPES
        and not FLOATS & operator.activations
        and INTEGER_ACTIVATIONS & operator.activation_inputs
    ]


def activation_types(operators: list[Operator]) -> set[str]:
    """Return the types of the operators' tensors that are no constants."""
    return {dtype for operator in operators for dtype in operator.activations}
