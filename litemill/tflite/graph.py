"""List the operators of a .tflite file in the order in which they run, and their tensors."""

from __future__ import annotations

from dataclasses import dataclass

from litemill.tflite.model_reader import ModelReader, index, scale_count, text

# Operators that only change how numbers are stored; which of these a file has depends on its types.
STORAGE = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True)
class Node:
    """An operator; numbers are those of tensors, -1 is an input that is absent."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Edge:
    """A tensor between operators, or a constant that they read."""

    name: str
    dtype: str
    constant: bool
    quantized: bool  # whether it has a scale
    scale: float | None = None  # where it has one alone


def nodes(content: bytes, subgraph: int = 0) -> list[Node]:
    """List the operators of a subgraph, of a file that `flatbuffer.describe` has checked."""
    reader = ModelReader(content)
    graph = reader.subgraphs[index(subgraph, len(reader.subgraphs))]
    count = graph.TensorsLength()
    return [
        Node(
            reader.operators[index(operator.OpcodeIndex(), len(reader.operators))][0],
            tuple(reader.indices(operator, "Inputs", count, optional=True)),
            tuple(reader.indices(operator, "Outputs", count, optional=True)),
        )
        for operator in reader.tables(graph, "Operators")
    ]


def edges(content: bytes, subgraph: int = 0) -> list[Edge]:
    """List the tensors of a subgraph, by number; of a file as for `nodes`."""
    reader = ModelReader(content)
    graph = reader.subgraphs[index(subgraph, len(reader.subgraphs))]
    return [
        Edge(
            text(tensor.Name()),
            reader.dtype(tensor),
            constant=reader.data(tensor.Buffer()) is not None,
            quantized=scale_count(tensor) > 0,
            scale=float(tensor.Quantization().Scale(0)) if scale_count(tensor) == 1 else None,
        )
        for tensor in reader.tables(graph, "Tensors")
    ]


def dequantized_scales(content: bytes) -> dict[str, float]:
    """Return the steps of float tensors that are dequantized integers, by the tensor's name."""
    tensors = edges(content)
    written = ((n.inputs[0], n.outputs[0]) for n in nodes(content) if n.operator == "DEQUANTIZE")
    return {tensors[out].name: step for source, out in written if (step := tensors[source].scale)}
