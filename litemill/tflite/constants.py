"""Read a model's constant tensors as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from litemill.tflite.flatbuffer import describe
from litemill.tflite.model_reader import ModelReader, text

Array = np.ndarray[Any, np.dtype[Any]]


def constants(content: bytes) -> dict[str, Array]:
    """Read the constant tensors of a .tflite file, as stored, by name.

    Types that numpy does not have (such as int4) are returned as bytes. A name that comes again
    gets its number appended.

    Raises:
        InterpreterError: no model, or a damaged one.
    """
    describe(content)  # checks every offset that is followed below
    reader = ModelReader(content)
    arrays: dict[str, Array] = {}
    for number, graph in enumerate(reader.subgraphs):
        for place, tensor in enumerate(reader.tables(graph, "Tensors")):
            data = reader.data(tensor.Buffer())
            if data is not None:
                name = text(tensor.Name())
                unique = f"{name}#{number}.{place}" if name in arrays else name
                shape = reader.numbers(tensor, "Shape")
                arrays[unique] = _as_stored(data, reader.dtype(tensor), tuple(shape))
    return arrays


def _as_stored(data: Array, dtype: str, shape: tuple[int, ...]) -> Array:
    try:
        return data.view(np.dtype(dtype)).reshape(shape)
    except (TypeError, ValueError):
        return data
