"""Compare the weights of a .tflite file with those of its source, layer by layer.

The source is converted anew, without quantization, and its constants are compared with the file's:
both have their batch normalization folded in, and their layers in the same layout.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.audit.weight_matching import group_layers, match_layers
from litemill.tflite.tensor_values import TensorValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litemill.audit.weight_matching import Layer
    from litemill.tflite.operands import Operand

    Array = np.ndarray[Any, np.dtype[Any]]

# Converters fold batch normalization in another order: 7e-6 of the largest value was the most seen
# between TensorFlow 2.2 and 2.21.
ROUNDING = 1e-4
STEP = 0.6  # of a quantization step that rounding takes at most, with some room
UNRELATED = 0.2  # correlation below which weights are unrelated
FEWEST = 64  # values that this takes: chance alone correlates n values by 1 / sqrt(n)
FEWEST_PER_CHANNEL = 4  # values that it takes to tell a factor from chance
LEAST_FACTOR = 1e-3


class State(enum.Enum):
    """How a tensor of the file relates to the source's."""

    equal = "equal"
    quantized = "equal up to quantization"
    scaled = "equal up to a factor for each channel"  # as batch normalization leaves them
    different = "different"
    unrelated = "unrelated to the source's"
    not_finite = "NaN or infinite"


@dataclass(frozen=True)
class ComparedTensor:
    """A tensor of the source and its counterpart in the file."""

    layer: str  # the source's name
    part: str  # weights or biases
    name: str  # in the file
    shape: tuple[int, ...]
    dtype: str  # in the file
    state: State
    max_difference: float | None  # in the tensor's own unit; None where the file has no numbers
    relative_difference: float | None  # to the source's largest value
    correlation: float | None  # of the values; None where one is constant


@dataclass(frozen=True)
class WeightComparison:
    """All tensors that could be compared, and those without a counterpart of their shape."""

    compared: tuple[ComparedTensor, ...]
    only_source: tuple[str, ...]
    only_file: tuple[str, ...]

    def differing(self) -> tuple[ComparedTensor, ...]:
        """Return the tensors that are not the source's."""
        equal = (State.equal, State.quantized, State.scaled)
        return tuple(tensor for tensor in self.compared if tensor.state not in equal)

    def is_unrelated(self) -> bool:
        """Return whether the weights as a whole are unrelated to the source's."""
        weights = [tensor for tensor in self.compared if tensor.part == "weights"]
        unrelated = [tensor for tensor in weights if tensor.state is State.unrelated]
        values, of = (sum(int(np.prod(t.shape)) for t in some) for some in (unrelated, weights))
        return of > 0 and values > of / 2


def compare_weights(
    source: Sequence[Operand], file: Sequence[Operand], names: Mapping[str, str] | None = None
) -> WeightComparison:
    """Compare a file's constants with those of a fresh float32 conversion of its source.

    Weights are matched by shape, then by their values, then by the order of their operators; biases
    by the weights that they belong to.

    Args:
        source: constants of the fresh conversion.
        file: constants of the file.
        names: of the source's layers, by the name of their weights' tensor.
    """
    ours, theirs = group_layers(source), group_layers(file)
    pairs = match_layers(ours, theirs)
    only_ours = sorted({*range(len(ours))} - {mine for mine, _ in pairs})
    only_theirs = sorted({*range(len(theirs))} - {other for _, other in pairs})
    layer_names = _layer_names(ours, names or {})
    compared = [
        tensor
        for mine, other in pairs
        for tensor in _compare_layer(layer_names[mine], ours[mine], theirs[other])
    ]
    return WeightComparison(
        tuple(compared),
        tuple(layer_names[number] for number in only_ours),
        tuple(theirs[number][0].name for number in only_theirs),
    )


def _compare_layer(name: str, ours: Layer, theirs: Layer) -> Iterator[ComparedTensor]:
    weights = _compare(name, "weights", ours[0], theirs[0])
    yield weights
    if ours[1] is None and theirs[1] is None:
        return
    # An absent bias is zeros.
    biases = _compare(
        name,
        "biases",
        ours[1] or _zeros(theirs[1]),
        theirs[1] or _zeros(ours[1]),
    )
    if weights.state is State.scaled and biases.state is State.different:
        biases = replace(biases, state=State.scaled)
    yield biases


def _compare(layer: str, part: str, ours: Operand, theirs: Operand) -> ComparedTensor:
    shape = theirs.real.shape
    known = (layer, part, theirs.name, shape, theirs.dtype)
    if ours.real.size != theirs.real.size:
        return ComparedTensor(*known, State.different, None, None, None)
    a = np.atleast_1d(theirs.real).astype(np.float64)
    b = ours.real.reshape(a.shape).astype(np.float64)
    if not np.isfinite(a).all():
        return ComparedTensor(*known, State.not_finite, None, None, None)
    largest, most = float(np.abs(b).max()), float(np.abs(a - b).max())
    correlation = _correlation(a, b)
    relative = most / largest if largest else None
    return ComparedTensor(*known, _state(a, b, theirs, correlation), most, relative, correlation)


def _state(a: Array, b: Array, theirs: Operand, correlation: float | None) -> State:
    rounding = ROUNDING * float(np.abs(b).max())
    if float(np.abs(a - b).max()) <= rounding:
        return State.equal
    room = STEP * theirs.values.step + rounding
    if _within_room(a, b, room, theirs):
        return State.quantized
    if _within_room(a, _scaled(a, b, theirs), room, theirs):
        return State.scaled
    unrelated = correlation is not None and abs(correlation) < UNRELATED
    return State.unrelated if unrelated and a.size >= FEWEST else State.different


def _within_room(a: Array, b: Array, room: Array, theirs: Operand) -> bool:
    clipped = theirs.values.clipped & (np.abs(b) > np.abs(a))
    return bool(np.all((np.abs(a - b) <= room) | clipped))


def _scaled(a: Array, b: Array, theirs: Operand) -> Array:
    """Scale each channel of the source's values by the factor that fits the file's best."""
    axis = a.ndim - 1 if theirs.operator == "DEPTHWISE_CONV_2D" else 0
    others = tuple(other for other in range(a.ndim) if other != axis)
    if theirs.is_bias or a.size // a.shape[axis] < FEWEST_PER_CHANNEL:
        return b
    norm = (b * b).sum(axis=others, keepdims=True)
    factor = (a * b).sum(axis=others, keepdims=True) / np.where(norm == 0, 1, norm)
    scaled: Array = b * np.where(np.abs(factor) < LEAST_FACTOR, 1, factor)  # zeros fit everything
    return scaled


def _zeros(like: Operand | None) -> Operand:
    """Return the biases of a layer without any, in the shape of the other side's."""
    assert like is not None
    return replace(
        like,
        name="(none)",
        dtype="none",
        values=TensorValues(np.zeros_like(like.real), np.zeros(1), np.zeros(1, bool)),
    )


def _correlation(a: Array, b: Array) -> float | None:
    a, b = (a - a.mean()).ravel(), (b - b.mean()).ravel()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else None


def _layer_names(layers: list[Layer], names: Mapping[str, str]) -> dict[int, str]:
    """Name each layer: by the source, or by the first of the tensor's names."""
    return {
        number: names.get(weights.name) or weights.name.partition(";")[0]
        for number, (weights, _) in enumerate(layers)
    }
