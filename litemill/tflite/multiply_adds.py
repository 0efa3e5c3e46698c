"""Count the multiply-adds of one inference, from the shapes that a .tflite file states.

The figure is the same on every machine, and sets how many samples slow kernels answer. Operators
that multiply no matrices are left out, as in the literature (300 million for MobileNetV2 at 224
pixels: Sandler et al., *MobileNetV2*, 2018, table 4).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from litemill.tflite.model_reader import ModelReader, index

if TYPE_CHECKING:
    from collections.abc import Callable

Shape = tuple[int, ...]

WEIGHTS = 1  # which input of these operators their weights are


def multiply_adds(content: bytes) -> int:
    """Return the multiply-adds of a sample, of a file that `flatbuffer.describe` has checked.

    A loop's body counts once, and so does a size that the file leaves open.
    """
    reader = ModelReader(content)
    total = 0
    for subgraph in reader.subgraphs:
        shapes = [tuple(reader.numbers(t, "Shape")) for t in reader.tables(subgraph, "Tensors")]
        for operator in reader.tables(subgraph, "Operators"):
            name = reader.operators[index(operator.OpcodeIndex(), len(reader.operators))][0]
            if name in _COUNTS:
                tensors = (reader.numbers(operator, side) for side in ("Inputs", "Outputs"))
                inputs, outputs = ([_shape(shapes, n) for n in numbers] for numbers in tensors)
                total += _COUNTS[name](inputs, outputs)
    return total // _batch(reader)


def _shape(shapes: list[Shape], number: int) -> Shape:
    return shapes[number] if 0 <= number < len(shapes) else ()


def _batch(reader: ModelReader) -> int:
    """Return how many samples a call takes; where any, shapes are stated for one."""
    main = reader.subgraphs[0]
    sizes = [
        int(shape[0])
        for number in reader.numbers(main, "Inputs")
        if len(shape := reader.numbers(main.Tensors(number), "Shape")) > 1
    ]
    return max(1, min(sizes, default=1))


def _convolution(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Filters are [outputs, height, width, inputs]: each output value reads all but the first."""
    return prod(outputs[0]) * prod(inputs[WEIGHTS][1:])


def _depthwise(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Filters are [1, height, width, channels]."""
    return prod(outputs[0]) * prod(inputs[WEIGHTS][1:-1])


def _volume(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Filters are [depth, height, width, inputs, outputs]."""
    return prod(outputs[0]) * prod(inputs[WEIGHTS][:-1])


def _dense(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Weights are [outputs, inputs]."""
    return prod(outputs[0]) * prod(inputs[WEIGHTS][-1:])


def _product(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Matrices are [..., rows, inner] and [..., inner, columns]; either may be transposed."""
    inner = prod(inputs[0]) // max(1, prod(outputs[0][:-1]))
    return prod(outputs[0]) * inner


def _transposed(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Inputs are the output's shape, filters [outputs, height, width, inputs], and the values."""
    del outputs
    values, filters = inputs[2], inputs[WEIGHTS]
    return prod(values) * prod(filters[:-1])


def _recurrent(inputs: list[Shape], outputs: list[Shape]) -> int:
    """Every matrix is read at each step; values are [samples, steps, features]."""
    del outputs
    matrices = sum(prod(shape) for shape in inputs[1:] if len(shape) == 2)  # noqa: PLR2004
    return matrices * prod(inputs[0][:-1])


_COUNTS: dict[str, Callable[[list[Shape], list[Shape]], Any]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "CONV_3D": _volume,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
    "TRANSPOSE_CONV": _transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _recurrent,
}
