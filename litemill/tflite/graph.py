"""The operators of a .tflite file in the order in which they run, with the tensors they touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litemill.tflite.bounded_flatbuffer import Tables, index, text

# What only changes how numbers are stored; which of these a file has depends on its types.
STORAGE = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True)
class Node:
    """An operator; numbers are those of tensors, -1 is an input that is absent."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def nodes(content: bytes, subgraph: int = 0) -> list[Node]:
    """Give the operators of a subgraph of a file that `litemill.tflite.flatbuffer.describe` has checked."""
    from ai_edge_litert import schema_py_generated as schema

    tables = Tables(content)
    model = schema.Model.GetRootAsModel(content, 0)
    words = {n: word for word, n in vars(schema.BuiltinOperator).items() if isinstance(n, int)}
    names = [_name(code, words) for code in tables.each(model, "OperatorCodes")]
    graph = model.Subgraphs(index(subgraph, model.SubgraphsLength()))
    count = graph.TensorsLength()
    return [
        Node(
            names[index(operator.OpcodeIndex(), len(names))],
            tuple(tables.indices(operator, "Inputs", count, optional=True)),
            tuple(tables.indices(operator, "Outputs", count, optional=True)),
        )
        for operator in tables.each(graph, "Operators")
    ]


@dataclass(frozen=True)
class Edge:
    """A tensor between operators, or a constant that they read."""

    name: str
    dtype: str
    constant: bool
    quantized: bool  # whether it has a scale


def edges(content: bytes, subgraph: int = 0) -> list[Edge]:
    """Give the tensors of a subgraph, by number; of a file as for `nodes`."""
    from ai_edge_litert import schema_py_generated as schema

    tables = Tables(content)
    model = schema.Model.GetRootAsModel(content, 0)
    types = {n: word.lower() for word, n in vars(schema.TensorType).items() if isinstance(n, int)}
    graph = model.Subgraphs(index(subgraph, model.SubgraphsLength()))
    return [_edge(tensor, model, types) for tensor in tables.each(graph, "Tensors")]


def _edge(tensor: Any, model: Any, types: dict[int, str]) -> Edge:
    buffer = model.Buffers(index(tensor.Buffer(), model.BuffersLength()))
    held = buffer.DataLength() or buffer.Size()
    scales = tensor.Quantization() and tensor.Quantization().ScaleLength()
    return Edge(text(tensor.Name()), types[tensor.Type()], bool(held), bool(scales))


def _name(code: Any, words: dict[int, str]) -> str:
    # Numbers below 127 are in the deprecated field, as old readers know no other.
    name = words[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    return text(code.CustomCode()) or name if name == "CUSTOM" else name
