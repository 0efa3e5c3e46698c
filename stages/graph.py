"""The operators of a .tflite file in the order in which they run, with the tensors they touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stages.tables import Tables, index, text

# What only changes how numbers are stored; which of these a file has depends on its types.
STORAGE = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True)
class Node:
    """An operator; numbers are those of tensors, -1 is an input that is absent."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def nodes(content: bytes, subgraph: int = 0) -> list[Node]:
    """Give the operators of a subgraph of a file that `stages.flatbuffer.describe` has checked."""
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


def _name(code: Any, words: dict[int, str]) -> str:
    # Numbers below 127 are in the deprecated field, as old readers know no other.
    name = words[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    return text(code.CustomCode()) or name if name == "CUSTOM" else name
