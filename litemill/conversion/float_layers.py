"""Layers that stay in float inside a quantized file: which these are, and whether they do.

TensorFlow calls them denylisted nodes, and names each by its output's tensor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litemill.core.errors import ConversionError, nearest
from litemill.tflite.description import SHAPES
from litemill.tflite.flatbuffer import describe
from litemill.tflite.graph import STORAGE, Edge, Node, edges, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLOAT = "float32"


@dataclass(frozen=True)
class Layer:
    """An operator of a float graph."""

    operator: str
    name: str  # of its first output's tensor
    position: int  # among the operators that compute


@dataclass
class FloatLayers:
    """The layers that a variant keeps in float.

    Attributes:
        names: each a tensor's whole name, the first of the names fused into it, or the name of an
            output of the signature: as validation names layers.
        key: the signature.
        place: what errors call the file.
    """

    names: Sequence[str]
    key: str
    place: str
    _layers: list[Layer] = field(default_factory=list)
    _operators: list[str] = field(default_factory=list)

    def denylisted_nodes(self, content: bytes) -> list[str]:
        """Return the names of the layers' nodes in the float file that is to be quantized.

        Raises:
            ConversionError: there is none of a name.
        """
        return [layer.name for layer in self.find(content)]

    def find(self, content: bytes) -> list[Layer]:
        """Find the layers in the float file of the graph, before it is quantized.

        Raises:
            ConversionError: there is none of a name.
        """
        if not self.names:
            return []
        subgraph, outputs = entry_subgraph(content, self.key)
        tensors = edges(content, subgraph)
        computing = computing_nodes(nodes(content, subgraph))
        self._operators = [node.operator for node in computing]
        known: dict[str, list[Layer]] = {}
        for position, node in enumerate(computing):
            tensor = tensors[node.outputs[0]]
            if tensor.dtype != FLOAT:
                continue
            layer = Layer(node.operator, tensor.name, position)
            short, output = tensor.name.partition(";")[0], outputs.get(tensor.name, tensor.name)
            for name in dict.fromkeys((tensor.name, short, output)):
                known.setdefault(name, []).append(layer)
        for name in self.names:
            if name not in known:
                message = f"float_layers: no layer {name!r}"
                raise ConversionError(self.place, message, nearest(name, sorted(known)))
        layers = dict.fromkeys(layer for name in self.names for layer in known[name])
        self._layers = sorted(layers, key=lambda layer: layer.position)
        return self._layers

    def mismatches(self, content: bytes, *, others: bool) -> list[str]:
        """Describe in a line each which layers are quantized and should not be, and vice versa.

        Args:
            content: the file.
            others: whether layers that are not named may be in float as well.
        """
        return list(self._mismatches(content, others=others)) if self.names else []

    def _mismatches(self, content: bytes, *, others: bool) -> Iterator[str]:
        subgraph, _ = entry_subgraph(content, self.key)
        tensors, all_nodes = edges(content, subgraph), nodes(content, subgraph)
        computing = computing_nodes(all_nodes)
        dequantized = _dequantized_constants(all_nodes, tensors)
        matched = dict(self._match(computing, tensors))
        for layer in self._layers:
            node = matched.get(layer)
            if node is None:
                yield f"layer {layer.name!r} of float_layers is not in the file"
            elif _is_quantized(node, tensors, dequantized):
                yield f"{node.operator} {layer.name!r}: requested float32, got quantized"
        named = {id(node) for node in matched.values()}
        for node in [] if others else computing:
            if id(node) not in named and computes_in_float(node, tensors):
                name = tensors[node.outputs[0]].name
                yield f"{node.operator} {name!r} computes in float and is not in float_layers"

    def _match(self, computing: list[Node], tensors: list[Edge]) -> Iterator[tuple[Layer, Node]]:
        """Match by order where operators are the same; otherwise by name."""
        if [node.operator for node in computing] == self._operators:
            yield from ((layer, computing[layer.position]) for layer in self._layers)
            return
        for layer in self._layers:
            for node in computing:
                name = tensors[node.outputs[0]].name
                # Converters number a name that is taken: by the same output, quantized.
                if name.startswith(layer.name) and not name[len(layer.name) :].strip("0123456789"):
                    yield layer, node
                    break


def entry_subgraph(content: bytes, key: str) -> tuple[int, dict[str, str]]:
    """Return the signature's subgraph, and its outputs' names by tensor."""
    for signature in describe(content).signatures:
        if signature.key == key:
            return signature.subgraph, {t.name: name for name, t in signature.outputs.items()}
    return 0, {}


def computing_nodes(all_nodes: list[Node]) -> list[Node]:
    """List the operators that compute; QUANTIZE, CAST and the like do not."""
    return [node for node in all_nodes if node.operator not in STORAGE and node.outputs]


def _dequantized_constants(all_nodes: list[Node], tensors: list[Edge]) -> set[int]:
    """Return the tensors that are quantized constants, made float before they are read."""
    return {
        node.outputs[0]
        for node in all_nodes
        if node.operator == "DEQUANTIZE" and tensors[node.inputs[0]].constant
    }


def _is_quantized(node: Node, tensors: list[Edge], dequantized: set[int]) -> bool:
    numbers = [number for number in (*node.inputs, *node.outputs) if number >= 0]
    return any(tensors[number].quantized or number in dequantized for number in numbers)


def computes_in_float(node: Node, tensors: list[Edge]) -> bool:
    """Return whether an operator computes on reals, as `verification.float_operators` does."""
    touched = [tensors[number] for number in (*node.inputs, *node.outputs) if number >= 0]
    real = [edge for edge in touched if not edge.constant and edge.dtype == FLOAT]
    return bool(real) and node.operator not in SHAPES
