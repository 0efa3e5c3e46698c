"""Where quantization hurts: the error of each layer's output against the float file of the graph.

Both files run on the same samples with every tensor kept, on the kernels without a delegate, which
computes layers in one go and would leave nothing to look at. Layers are matched by their order
where both files have the same operators in the same order, and by the names of their outputs
otherwise. Operators that only change how numbers are stored (QUANTIZE, DEQUANTIZE, CAST) are none.
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
    """What was found: rows from the worst to the best, and advice in words."""

    rows: list[dict[str, Any]]
    advice: list[str]


def compare_layers(
    content: bytes, plain: bytes, samples: Samples, key: str | None, place: object
) -> LayerErrors | None:
    """Compare every layer of a file with that of the float file of the same graph.

    Args:
        content: the file.
        plain: the float file.
        samples: what both run on, one after the other.
        key: the signature.
        place: what errors call the file.

    Returns:
        The layers, or None where no layer of one is a layer of the other.

    Raises:
        InterpreterError: one of them does not run.
    """
    ours = DebugInterpreter(content, signature=key, place=place)
    theirs = DebugInterpreter(plain, signature=key, place="build/export/float/model.tflite")
    mine = nodes(content, ours.subgraph)
    matched = _matched(ours, theirs, mine, nodes(plain, theirs.subgraph))
    if not matched or not _alike(ours, theirs):
        return None
    size = max(ours.fixed or 1, theirs.fixed or 1)
    for batch in samples.batches(size):
        rows = np.minimum(np.arange(size), len(batch) - 1)  # the last one again, to fill a batch
        given = {name: array[rows] for name, array in batch.inputs.items()}
        for model in (ours, theirs):
            model.run(_named(given, model))
        for layer in matched:
            layer.error.add(theirs.tensor(layer.theirs), ours.tensor(layer.ours))
    order = sorted(matched, key=lambda layer: -layer.noise())
    adds, reads = noise_shares(matched, mine), input_layers(matched, mine)
    told = [
        layer.told()
        | {"adds": adds[layer.ours], "reads": [one.name for one in reads.get(layer.ours, [])]}
        for layer in order
    ]
    return LayerErrors(told, advice(matched, mine))


def _named(given: dict[str, Array], model: DebugInterpreter) -> dict[str, Array]:
    if set(given) == set(model.inputs):
        return given
    # Without a signature, tensors have names of their own, in the order of the sorted names.
    return {tensor: given[name] for name, tensor in zip(sorted(given), model.inputs, strict=True)}


def _alike(ours: DebugInterpreter, theirs: DebugInterpreter) -> bool:
    """Tell whether both can be given the same batch."""
    sizes = {model.fixed for model in (ours, theirs)} - {None}
    return len(ours.inputs) == len(theirs.inputs) and len(sizes) <= 1


def _matched(
    ours: DebugInterpreter, theirs: DebugInterpreter, mine: list[Node], other: list[Node]
) -> list[Layer]:
    first, second = _real(ours, mine), _real(theirs, other)
    if [node.operator for node in first] == [node.operator for node in second]:
        pairs = list(zip(first, second, strict=True))
    else:
        by_name = {theirs.name(node.outputs[0]): node for node in second}
        named = [(node, by_name.get(ours.name(node.outputs[0]))) for node in first]
        pairs = [(one, two) for one, two in named if two and one.operator == two.operator]
    labels = {tensor.name: output for output, tensor in theirs.outputs.items()}
    return [
        Layer(
            name=(name := theirs.name(two.outputs[0])),
            label=labels.get(name, name.partition(";")[0]),
            operator=one.operator,
            ours=one.outputs[0],
            theirs=two.outputs[0],
            holds=ours.holds(one.outputs[0]),
        )
        for one, two in pairs
    ]


def _real(model: DebugInterpreter, found: list[Node]) -> list[Node]:
    """Give the operators whose output are real numbers: those of shapes are the same anyway."""
    return [
        node
        for node in found
        if node.operator not in STORAGE and node.outputs and model.is_real(node.outputs[0])
    ]
