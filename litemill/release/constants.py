"""The values of a model's constant tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from litemill.tflite.flatbuffer import describe

Array = np.ndarray[Any, np.dtype[Any]]


def constants(content: bytes) -> dict[str, Array]:
    """Give the constant tensors of a .tflite file, as stored, by name.

    Types that numpy does not have (such as int4) are given as bytes. A name that comes again gets
    its number appended.

    Raises:
        InterpreterError: no model, or a damaged one.
    """
    from ai_edge_litert import schema_py_generated as schema

    describe(content)  # checks every offset that is followed below
    model = schema.Model.GetRootAsModel(content, 0)
    types = {value: name.lower() for name, value in vars(schema.TensorType).items()}
    found: dict[str, Array] = {}
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                name = (tensor.Name() or b"").decode("utf-8", "replace")
                unique = f"{name}#{number}.{index}" if name in found else name
                shape = tuple(tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
                found[unique] = _values(buffer.DataAsNumpy(), types[tensor.Type()], shape)
    return found


def _values(stored: Array, dtype: str, shape: tuple[int, ...]) -> Array:
    try:
        return stored.view(np.dtype(dtype)).reshape(shape)
    except (TypeError, ValueError):
        return stored
