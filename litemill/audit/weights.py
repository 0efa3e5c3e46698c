"""Are the weights of a .tflite file those of its source? Layer by layer.

The source is converted anew, without quantization, and its constants are compared with the file's:
both have their batch normalization folded in, and their layers in the same layout.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.audit.weight_matching import group_layers, pair_layers
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
UNRELATED = 0.2  # correlation below which weights have nothing to do with each other
FEWEST = 64  # values that it takes to say so: chance alone correlates n values by 1 / sqrt(n)
FEWEST_A_CHANNEL = 4  # values that it takes to tell a factor from chance
LEAST_FACTOR = 1e-3


class State(enum.Enum):
    """How a tensor of the file is to the source's."""

    equal = "equal"
    quantized = "equal up to quantization"
    scaled = "equal up to a factor for each channel"  # as batch normalization leaves them
    different = "different"
    unrelated = "nothing to do with the source's"
    not_finite = "NaN or infinite"


@dataclass(frozen=True)
class Compared:
    """One tensor of the source and what stands in its place in the file."""

    layer: str  # as the source calls it
    part: str  # weights or biases
    name: str  # in the file
    shape: tuple[int, ...]
    dtype: str  # in the file
    state: State
    max_difference: float | None  # in the tensor's own unit; None where the file has no numbers
    relative_difference: float | None  # that, as a share of the source's largest value
    correlation: float | None  # of the values; None where one is constant


@dataclass(frozen=True)
class Comparison:
    """All tensors that could be compared, and those that could not: no counterpart of the shape."""

    compared: tuple[Compared, ...]
    only_source: tuple[str, ...]
    only_file: tuple[str, ...]

    def apart(self) -> tuple[Compared, ...]:
        """Give the tensors that are not the source's."""
        fine = (State.equal, State.quantized, State.scaled)
        return tuple(one for one in self.compared if one.state not in fine)

    def unrelated(self) -> bool:
        """Tell whether the weights as a whole have nothing to do with the source's."""
        weights = [one for one in self.compared if one.part == "weights"]
        values = sum(int(np.prod(one.shape)) for one in weights)
        strange = sum(int(np.prod(one.shape)) for one in weights if one.state is State.unrelated)
        return values > 0 and strange > values / 2


def compare_weights(
    source: Sequence[Operand], file: Sequence[Operand], names: Mapping[str, str] | None = None
) -> Comparison:
    """Compare a file's constants with those of a fresh float32 conversion of its source.

    Weights are paired by shape, then by what they hold, then by the order of their operators;
    biases by the weights that they go with.

    Args:
        source: constants of the fresh conversion.
        file: constants of the file.
        names: what to call the source's weights, by the name of their tensor.
    """
    ours, theirs = group_layers(source), group_layers(file)
    pairs = pair_layers(ours, theirs)
    lonely = sorted({*range(len(ours))} - {mine for mine, _ in pairs})
    strangers = sorted({*range(len(theirs))} - {other for _, other in pairs})
    called = _called(ours, names or {})
    compared = [
        one for mine, other in pairs for one in _layer(called[mine], ours[mine], theirs[other])
    ]
    return Comparison(
        tuple(compared),
        tuple(called[one] for one in lonely),
        tuple(theirs[one][0].name for one in strangers),
    )


def _layer(name: str, ours: Layer, theirs: Layer) -> Iterator[Compared]:
    weights = _compared(name, "weights", ours[0], theirs[0])
    yield weights
    if ours[1] is None and theirs[1] is None:
        return
    # A bias that is not there is zeros.
    biases = _compared(
        name,
        "biases",
        ours[1] or _zeros(theirs[1]),
        theirs[1] or _zeros(ours[1]),
    )
    if weights.state is State.scaled and biases.state is State.different:
        biases = replace(biases, state=State.scaled)
    yield biases


def _compared(layer: str, part: str, ours: Operand, theirs: Operand) -> Compared:
    shape = theirs.real.shape
    known = (layer, part, theirs.name, shape, theirs.dtype)
    if ours.real.size != theirs.real.size:
        return Compared(*known, State.different, None, None, None)
    a = np.atleast_1d(theirs.real).astype(np.float64)
    b = ours.real.reshape(a.shape).astype(np.float64)
    if not np.isfinite(a).all():
        return Compared(*known, State.not_finite, None, None, None)
    largest, most = float(np.abs(b).max()), float(np.abs(a - b).max())
    correlation = _correlation(a, b)
    relative = most / largest if largest else None
    return Compared(*known, _state(a, b, theirs, correlation), most, relative, correlation)


def _state(a: Array, b: Array, theirs: Operand, correlation: float | None) -> State:
    rounding = ROUNDING * float(np.abs(b).max())
    if float(np.abs(a - b).max()) <= rounding:
        return State.equal
    room = STEP * theirs.values.step + rounding
    if _within_room(a, b, room, theirs):
        return State.quantized
    if _within_room(a, _scaled(a, b, theirs), room, theirs):
        return State.scaled
    unlike = correlation is not None and abs(correlation) < UNRELATED
    return State.unrelated if unlike and a.size >= FEWEST else State.different


def _within_room(a: Array, b: Array, room: Array, theirs: Operand) -> bool:
    cut = theirs.values.clipped & (np.abs(b) > np.abs(a))
    return bool(np.all((np.abs(a - b) <= room) | cut))


def _scaled(a: Array, b: Array, theirs: Operand) -> Array:
    """Give the source's values times the factor of each channel that fits the file's best."""
    axis = a.ndim - 1 if theirs.operator == "DEPTHWISE_CONV_2D" else 0
    others = tuple(one for one in range(a.ndim) if one != axis)
    if theirs.is_bias or a.size // a.shape[axis] < FEWEST_A_CHANNEL:
        return b
    norm = (b * b).sum(axis=others, keepdims=True)
    factor = (a * b).sum(axis=others, keepdims=True) / np.where(norm == 0, 1, norm)
    kept: Array = b * np.where(np.abs(factor) < LEAST_FACTOR, 1, factor)  # zeros fit everything
    return kept


def _zeros(like: Operand | None) -> Operand:
    """Give the biases of a layer without any, in the shape of the other side's."""
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


def _called(layers: list[Layer], names: Mapping[str, str]) -> dict[int, str]:
    """Give each layer a name: the source's own, or the first of the tensor's."""
    return {
        number: names.get(weights.name) or weights.name.partition(";")[0]
        for number, (weights, _) in enumerate(layers)
    }
