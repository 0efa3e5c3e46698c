"""Layers that stay in float inside a quantized file: which these are, and whether they do."""

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
    """The layers that a variant names.

    Attributes:
        names: each a tensor's whole name, the first of the names fused into it, or the name of an
            output of the signature: what validation tells layers by.
        key: the signature.
        place: what errors call the file.
    """

    names: Sequence[str]
    key: str
    place: str
    _layers: list[Layer] = field(default_factory=list)
    _order: list[str] = field(default_factory=list)

    def find(self, content: bytes) -> list[Layer]:
        """Find the layers in the float file of the graph, before it is quantized.

        Raises:
            ConversionError: there is none of a name.
        """
        if not self.names:
            return []
        subgraph, outputs = _entry(content, self.key)
        tensors = edges(content, subgraph)
        every = _computing(nodes(content, subgraph))
        self._order = [node.operator for node in every]
        known: dict[str, list[Layer]] = {}
        for position, node in enumerate(every):
            name = tensors[node.outputs[0]].name
            if tensors[node.outputs[0]].dtype != FLOAT:
                continue
            layer = Layer(node.operator, name, position)
            for word in dict.fromkeys((name, name.partition(";")[0], outputs.get(name, name))):
                known.setdefault(word, []).append(layer)
        for name in self.names:
            if name not in known:
                told = f"float_layers: no layer {name!r}"
                raise ConversionError(self.place, told, nearest(name, sorted(known)))
        found = dict.fromkeys(layer for name in self.names for layer in known[name])
        self._layers = sorted(found, key=lambda layer: layer.position)
        return self._layers

    def departures(self, content: bytes, *, others: bool) -> Iterator[str]:
        """Tell which layers are quantized and should not be, and the other way round.

        Args:
            content: the file.
            others: whether layers that were not named may be in float as well.
        """
        if not self.names:
            return
        subgraph, _ = _entry(content, self.key)
        tensors, all_nodes = edges(content, subgraph), nodes(content, subgraph)
        every = _computing(all_nodes)
        widened = _widened(all_nodes, tensors)
        spared = dict(self._matched(every, tensors))
        for layer in self._layers:
            node = spared.get(layer)
            if node is None:
                yield f"the layer {layer.name!r} is not in the file"
            elif _quantized(node, tensors, widened):
                yield f"{node.operator} {layer.name!r} is quantized; it was to stay in float"
        named = {id(node) for node in spared.values()}
        for node in [] if others else every:
            if id(node) not in named and _float(node, tensors):
                name = tensors[node.outputs[0]].name
                yield f"{node.operator} {name!r} computes in float; it is no layer of float_layers"

    def _matched(self, every: list[Node], tensors: list[Edge]) -> Iterator[tuple[Layer, Node]]:
        """Match by order where operators are the same; otherwise by name."""
        if [node.operator for node in every] == self._order:
            yield from ((layer, every[layer.position]) for layer in self._layers)
            return
        for layer in self._layers:
            for node in every:
                name = tensors[node.outputs[0]].name
                # Converters number a name that is taken: by the same output, quantized.
                if name.startswith(layer.name) and not name[len(layer.name) :].strip("0123456789"):
                    yield layer, node
                    break


def _entry(content: bytes, key: str) -> tuple[int, dict[str, str]]:
    """Give the signature's subgraph, and its outputs' names by tensor."""
    for signature in describe(content).signatures:
        if signature.key == key:
            return signature.subgraph, {t.name: name for name, t in signature.outputs.items()}
    return 0, {}


def _computing(found: list[Node]) -> list[Node]:
    return [node for node in found if node.operator not in STORAGE and node.outputs]


def _widened(found: list[Node], tensors: list[Edge]) -> set[int]:
    """Give the tensors that are quantized constants, made float before they are read."""
    return {
        node.outputs[0]
        for node in found
        if node.operator == "DEQUANTIZE" and tensors[node.inputs[0]].constant
    }


def _quantized(node: Node, tensors: list[Edge], widened: set[int]) -> bool:
    touched = [number for number in (*node.inputs, *node.outputs) if number >= 0]
    return any(tensors[number].quantized or number in widened for number in touched)


def _float(node: Node, tensors: list[Edge]) -> bool:
    """Tell whether an operator computes on real numbers, as `readback.float_operators` does."""
    touched = [tensors[number] for number in (*node.inputs, *node.outputs) if number >= 0]
    real = [edge for edge in touched if not edge.constant and edge.dtype == FLOAT]
    return bool(real) and node.operator not in SHAPES
