"""Measure where quantization hurts: each layer's output against the float file of the graph.

Both files run on the same samples with every tensor preserved, on the kernels without a delegate,
which fuses layers and would leave nothing to look at. Layers are matched by their order
where both files have the same operators in the same order, and by the names of their outputs
otherwise. Operators that only change how numbers are stored (QUANTIZE, DEQUANTIZE, CAST) are no
layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.evaluation.advice import Layer, advice, input_layers, noise_shares
from litemill.tflite.debug_interpreter import DebugInterpreter
from litemill.tflite.graph import STORAGE, Node, nodes

if TYPE_CHECKING:
    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class LayerErrors:
    """Rows of layers from the worst to the best, and advice in words."""

    rows: list[dict[str, Any]]
    advice: list[str]


def compare_layers(
    content: bytes, float_content: bytes, samples: Samples, signature: str | None, place: object
) -> LayerErrors | None:
    """Compare every layer of a file with that of the float file of the same graph.

    Args:
        content: the file.
        float_content: the float file.
        samples: what both run on, one after the other.
        signature: key of the signature.
        place: what errors call the file.

    Returns:
        The layers, or None where no layer of one is a layer of the other.

    Raises:
        InterpreterError: one of them does not run.
    """
    quantized = DebugInterpreter(content, signature=signature, place=place)
    floats = DebugInterpreter(
        float_content, signature=signature, place="build/export/float/model.tflite"
    )
    order = nodes(content, quantized.subgraph)
    layers = _match_layers(quantized, floats, order, nodes(float_content, floats.subgraph))
    if not layers or not _take_same_batch(quantized, floats):
        return None
    size = max(quantized.fixed or 1, floats.fixed or 1)
    for batch in samples.batches(size):
        rows = np.minimum(np.arange(size), len(batch) - 1)  # the last one again, to fill a batch
        inputs = {name: array[rows] for name, array in batch.inputs.items()}
        for model in (quantized, floats):
            model.run(_by_model_names(inputs, model))
        for layer in layers:
            layer.add(floats.tensor(layer.float_tensor), quantized.tensor(layer.tensor))
    return LayerErrors(_rows(layers, order, quantized), advice(layers, order))


def _rows(
    layers: list[Layer], order: list[Node], quantized: DebugInterpreter
) -> list[dict[str, Any]]:
    adds, reads = noise_shares(layers, order), input_layers(layers, order)
    return [
        layer.row()
        | {"tensor": quantized.name(layer.tensor)}  # its name in this file
        | {"adds": adds[layer.tensor], "reads": [read.name for read in reads.get(layer.tensor, [])]}
        for layer in sorted(layers, key=lambda layer: -layer.noise())
    ]


def _by_model_names(inputs: dict[str, Array], model: DebugInterpreter) -> dict[str, Array]:
    if set(inputs) == set(model.inputs):
        return inputs
    # Without a signature, tensors have names of their own, in the order of the sorted names.
    return {tensor: inputs[name] for name, tensor in zip(sorted(inputs), model.inputs, strict=True)}


def _take_same_batch(quantized: DebugInterpreter, floats: DebugInterpreter) -> bool:
    """Return whether both can be given the same batch."""
    sizes = {model.fixed for model in (quantized, floats)} - {None}
    return len(quantized.inputs) == len(floats.inputs) and len(sizes) <= 1


def _match_layers(
    quantized: DebugInterpreter,
    floats: DebugInterpreter,
    quantized_nodes: list[Node],
    float_nodes: list[Node],
) -> list[Layer]:
    ours, theirs = _real_valued(quantized, quantized_nodes), _real_valued(floats, float_nodes)
    if [node.operator for node in ours] == [node.operator for node in theirs]:
        pairs = list(zip(ours, theirs, strict=True))
    else:
        by_name = {floats.name(node.outputs[0]): node for node in theirs}
        named = [(node, by_name.get(quantized.name(node.outputs[0]))) for node in ours]
        pairs = [
            (node, other) for node, other in named if other and node.operator == other.operator
        ]
    labels = {tensor.name: output for output, tensor in floats.outputs.items()}
    return [
        Layer(
            name=(name := floats.name(other.outputs[0])),
            label=labels.get(name, name.partition(";")[0]),
            operator=node.operator,
            tensor=node.outputs[0],
            float_tensor=other.outputs[0],
            holds=quantized.holds(node.outputs[0]),
            output=name in labels,
        )
        for node, other in pairs
    ]


def _real_valued(model: DebugInterpreter, order: list[Node]) -> list[Node]:
    """Keep the operators that put out real numbers: those of shapes are the same anyway."""
    return [
        node
        for node in order
        if node.operator not in STORAGE and node.outputs and model.is_real(node.outputs[0])
    ]
