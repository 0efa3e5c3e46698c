"""Read the constants that the operators of a .tflite file use, as real values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.tflite.model_reader import ModelReader, index, text
from litemill.tflite.tensor_values import TensorValues, read_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, np.dtype[Any]]

# Which input of an operator is its bias, by the kernels' own documentation.
BIAS = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "CONV_3D": 2,
    "TRANSPOSE_CONV": 3,
    "CONV_3D_TRANSPOSE": 3,
}
WEIGHTS = 1  # which input of these operators their weights are
# How litert-quantizer ends the name of a Hadamard matrix, by which it rotates activations before a
# layer, and the layer's weights with them, so that no value stands out.
ROTATION = "_hadamard_matrix"
SPREAD = 3.0  # steps that the rounding of many weights adds up to, turned back: 10 deviations


@dataclass(frozen=True)
class Operand:
    """A constant that an operator reads."""

    operator: str
    operand: int  # as which of its inputs
    position: tuple[int, int]  # subgraph, number of the operator
    tensor: tuple[int, int]  # subgraph, number of the tensor
    name: str  # of the tensor
    dtype: str  # as stored
    values: TensorValues

    @property
    def real(self) -> Array:
        """The values as float32."""
        return self.values.real

    @property
    def is_bias(self) -> bool:
        """Return whether it is added to what the weights of the same operator give."""
        return BIAS.get(self.operator) == self.operand


def operands(content: bytes, place: object = "model") -> list[Operand]:
    """Read the real-valued constants of a .tflite file, in the order of its operators.

    A constant that several operators read comes once for each, one that is cast before it is used
    comes where it is used, and rotated weights are turned back.

    Args:
        content: a file that `litemill.tflite.flatbuffer.describe` has checked.
        place: what errors call it.

    Raises:
        InterpreterError: the file is damaged.
    """
    reader = ModelReader(content)
    with reader.reporting_damage(place):
        return list(_read(reader))


def _read(reader: ModelReader) -> Iterator[Operand]:
    for number, subgraph in enumerate(reader.subgraphs):
        tensors = list(reader.tables(subgraph, "Tensors"))
        graph = _Subgraph(reader, tensors, {}, {})
        for position, operator in enumerate(reader.tables(subgraph, "Operators")):
            reader.where = f"subgraph {number}, operator {position}"
            inputs = reader.indices(operator, "Inputs", len(tensors), optional=True)
            outputs = reader.indices(operator, "Outputs", len(tensors), optional=True)
            name, _ = reader.operators[index(operator.OpcodeIndex(), len(reader.operators))]
            yield from graph.operands(name, (number, position), inputs, outputs)


@dataclass
class _Subgraph:
    reader: ModelReader
    tensors: list[Any]
    casts: dict[int, int]  # a tensor that is a constant, cast: that constant
    rotations: dict[int, Array]  # a tensor that is an activation, rotated: by what

    def operands(
        self, name: str, position: tuple[int, int], inputs: list[int], outputs: list[int]
    ) -> Iterator[Operand]:
        if name == "DEQUANTIZE" and self._is_constant(inputs[0]):
            self.casts[outputs[0]] = inputs[0]
            return
        matrix = self.rotations.get(inputs[0]) if inputs else None
        if matrix is not None and name == "RESHAPE":
            self.rotations[outputs[0]] = matrix
        for number, tensor in enumerate(inputs):
            operand = self._operand(tensor, name, number, position) if tensor >= 0 else None
            if operand is None:
                continue
            if operand.name.endswith(ROTATION):
                self.rotations[outputs[0]] = operand.real
            elif matrix is not None and name == "FULLY_CONNECTED" and number == WEIGHTS:
                yield _unrotated(operand, matrix)
            else:
                yield operand

    def _is_constant(self, number: int) -> bool:
        return self.reader.data(self.tensors[number].Buffer()) is not None

    def _operand(
        self, number: int, operator: str, operand: int, position: tuple[int, int]
    ) -> Operand | None:
        number = self.casts.get(number, number)
        tensor = self.tensors[number]
        values = read_values(self.reader, tensor, self.tensors)
        if values is None:
            return None
        return Operand(
            operator=operator,
            operand=operand,
            position=position,
            tensor=(position[0], number),
            name=text(tensor.Name()),
            dtype=self.reader.dtype(tensor),
            values=values,
        )


def _unrotated(weights: Operand, matrix: Array) -> Operand:
    """Turn back weights [out, in] that were rotated with their input, in runs of the matrix' size.

    The matrix M is orthogonal: W x = (W M^T) (M x), and so W = (W M^T) M.
    """
    size, shape = len(matrix), weights.real.shape
    if weights.real.size % size:
        return weights
    real = (weights.real.reshape(-1, size) @ matrix).reshape(shape)
    step = np.broadcast_to(weights.values.step, shape).max(axis=-1, keepdims=True) * SPREAD
    return replace(weights, values=TensorValues(real, step, np.zeros(1, bool)))
