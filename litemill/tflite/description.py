"""The description of a .tflite file, in plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

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


class InputType(NamedTuple):
    """The type of an operator's input."""

    dtype: str | None  # None where the input is absent
    constant: bool


@dataclass(frozen=True)
class Operator:
    """Operators of one name whose tensors have the same types."""

    name: str  # builtin name, custom code, or Flex… for a TensorFlow operator
    inputs: tuple[InputType, ...]
    outputs: tuple[str, ...]
    count: int
    boundary: int  # how many of them read an input or write an output of the model
    custom: bool

    @property
    def activations(self) -> set[str]:
        """The types of inputs and outputs that are no constants."""
        return {*self.activation_inputs, *self.outputs}

    @property
    def activation_inputs(self) -> set[str]:
        """The types of inputs that are no constants."""
        return {dtype for dtype, constant in self.inputs if dtype is not None and not constant}

    @property
    def dtypes(self) -> set[str]:
        """The types of all inputs and outputs."""
        return {*(dtype for dtype, _ in self.inputs if dtype is not None), *self.outputs}

    @property
    def types(self) -> str:
        """The types for people: "float32, (int8) -> float32", constants in parentheses."""
        inputs = [
            "-" if dtype is None else f"({dtype})" if constant else dtype
            for dtype, constant in self.inputs
        ]
        return f"{', '.join(inputs) or 'nothing'} -> {', '.join(self.outputs) or 'nothing'}"

    def as_json(self) -> dict[str, Any]:
        """Return what records and `--json` hold of it."""
        keys = ("name", "types", "count", "boundary", "custom")
        return {key: getattr(self, key) for key in keys}


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
    """What a .tflite file holds."""

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

    def by_name(self, side: Literal["inputs", "outputs"], key: str | None) -> dict[str, Tensor]:
        """Return the inputs or outputs of a signature; those of the model where there is none."""
        for signature in self.signatures:
            if signature.key == key:
                return signature.inputs if side == "inputs" else signature.outputs
        return {tensor.name: tensor for tensor in getattr(self, side)}

    def as_json(self) -> dict[str, Any]:
        """Return the description as records and `--json` hold it."""
        return asdict(self) | {"operators": [operator.as_json() for operator in self.operators]}


def weight_shares(constants: Iterable[Constant]) -> dict[str, WeightShare]:
    """Sum up constants by type."""
    by_type: dict[str, list[Constant]] = {}
    for constant in constants:
        by_type.setdefault(constant.dtype, []).append(constant)
    return {
        dtype: WeightShare(
            tensors=len(group),
            elements=sum(prod(constant.shape) for constant in group),
            bytes=sum(constant.bytes for constant in group),
        )
        for dtype, group in sorted(by_type.items())
    }
