"""The names in a file's graph that messages about it need, beside its description."""

from __future__ import annotations

from dataclasses import dataclass, field

from litemill.conversion.float_layers import computes_in_float, computing_nodes, entry_subgraph
from litemill.tflite.flatbuffer import describe
from litemill.tflite.graph import Edge, Node, edges, nodes

NAMED = 3  # layers in a message


@dataclass(frozen=True)
class GraphNames:
    """Names of a signature's layers and inputs.

    Attributes:
        in_float: layers that compute in float, by operator.
        unused: inputs that no operator reads.
    """

    in_float: dict[str, list[str]] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()

    def layers(self, operator: str) -> str:
        """Write which layers of an operator compute in float: ` of layer 'a', 'b' and 3 more`."""
        names = self.in_float.get(operator, [])
        if not names:
            return ""
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return f" of layer {', '.join(map(repr, names[:NAMED]))}{more}"


def graph_names(content: bytes, key: str) -> GraphNames:
    """Read the names of a file that `flatbuffer.describe` has checked."""
    subgraph, outputs = entry_subgraph(content, key)
    tensors, order = edges(content, subgraph), nodes(content, subgraph)
    in_float: dict[str, list[str]] = {}
    for node in computing_nodes(order):
        if computes_in_float(node, tensors):
            name = tensors[node.outputs[0]].name
            label = outputs.get(name, name.partition(";")[0])
            in_float.setdefault(node.operator, []).append(label)
    return GraphNames(in_float, _unused(content, key, order, tensors))


def _unused(content: bytes, key: str, order: list[Node], tensors: list[Edge]) -> frozenset[str]:
    read = {tensors[number].name for node in order for number in node.inputs if number >= 0}
    inputs = [s.inputs for s in describe(content).signatures if s.key == key]
    return frozenset(name for side in inputs for name, t in side.items() if t.name not in read)
