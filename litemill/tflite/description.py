"""What a .tflite file is, in plain values; `dataclasses.asdict` gives JSON."""

from __future__ import annotations

from dataclasses import dataclass

CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}  # operators that change a type and compute nothing
SHAPES = {"SHAPE", "RANK"}  # operators that read no values
INTEGER_WEIGHTS = {"int2", "int4", "int8", "uint8", "int16"}  # types of quantized weights


@dataclass(frozen=True)
class Tensor:
    """An input or output; -1 in `shape` is a dimension that may be resized."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float | None = None  # real = scale * (stored - zero_point); null is not quantized
    zero_point: int | None = None


@dataclass(frozen=True)
class Signature:
    """An entry point: its tensors by name, in the file's order."""

    key: str
    subgraph: int
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True)
class Operator:
    """Operators of one name whose tensors have the same types."""

    name: str  # builtin name, custom code, or Flex… for a TensorFlow operator
    types: str  # like "float32, (int8), (float32) -> float32": constants in parentheses
    count: int
    boundary: int  # how many of them read an input or write an output of the model
    custom: bool


@dataclass(frozen=True)
class Constant:
    """A tensor whose values are in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    scales: int  # 0: not quantized, 1: per tensor, more: per channel of `quantized_dimension`
    quantized_dimension: int | None
    operator: str  # the first one that reads it
    operand: int  # as which of its inputs
    position: tuple[int, int]  # of the operator: subgraph, number


@dataclass(frozen=True)
class WeightShare:
    """How much of the constants is of one type."""

    tensors: int
    elements: int
    bytes: int


@dataclass(frozen=True)
class Description:
    """What a .tflite file is; `dataclasses.asdict` gives JSON."""

    bytes: int
    description: str
    min_runtime_version: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: tuple[Signature, ...]
    operators: tuple[Operator, ...]
    constants: tuple[Constant, ...]
    weights: dict[str, WeightShare]  # constants by type
    unset_variables: tuple[str, ...]  # variables that are read and never set
