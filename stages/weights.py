"""Are the weights of a .tflite file those of its source? Layer by layer.

The source is converted anew, without quantization, and its constants are compared with the file's:
both have their batch normalization folded in, and their layers in the same layout.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stages.operands import Operand

    Array = np.ndarray[Any, np.dtype[Any]]

# Converters fold batch normalization in another order: 7e-6 of the largest value was the most seen
# between TensorFlow 2.2 and 2.21.
ROUNDING = 1e-4
ALIKE = 0.9  # cosine from which two tensors are taken for the same one
UNRELATED = 0.2  # correlation below which weights have nothing to do with each other
FEWEST = 64  # values that it takes to say so: chance alone correlates n values by 1 / sqrt(n)
SAMPLE = 4096  # values of a large tensor that decide which one it is


class State(enum.Enum):
    """How a tensor of the file is to the source's."""

    equal = "equal"
    quantized = "equal up to quantization"
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
        fine = (State.equal, State.quantized)
        return tuple(one for one in self.compared if one.state not in fine)

    def unrelated(self) -> bool:
        """Tell whether the weights as a whole have nothing to do with the source's."""
        weights = [one for one in self.compared if one.part == "weights"]
        values = sum(int(np.prod(one.shape)) for one in weights)
        strange = sum(int(np.prod(one.shape)) for one in weights if one.state is State.unrelated)
        return values > 0 and strange > values / 2


def compare(
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
    ours, theirs = _layers(source), _layers(file)
    pairs, lonely, strangers = _paired(ours, theirs)
    called = _called(ours, names or {})
    compared = []
    for one, other in pairs:
        compared.append(_compared(called[one], "weights", ours[one][0], theirs[other][0]))
        biases = ours[one][1], theirs[other][1]
        if any(bias is not None for bias in biases):
            compared.append(_biases(called[one], *biases))
    return Comparison(
        tuple(compared),
        tuple(called[one] for one in lonely),
        tuple(theirs[one][0].name for one in strangers),
    )


Layer = tuple["Operand", "Operand | None"]  # weights and biases


def _layers(operands: Sequence[Operand]) -> list[Layer]:
    """Put biases to their weights; a constant that is read twice counts once."""
    biases = {one.position: one for one in operands if one.is_bias}
    found: dict[tuple[str, int], Layer] = {}
    for one in operands:
        if one.is_bias or one.values.size < 2:  # noqa: PLR2004  # a factor is no layer
            continue
        bias = biases.get(one.position) if one.operand == 1 else None
        found.setdefault((one.name, one.values.size), (one, bias))
    return list(found.values())


def _paired(
    ours: list[Layer], theirs: list[Layer]
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    pairs: list[tuple[int, int]] = []
    shapes: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for side, layers in enumerate((ours, theirs)):
        for number, (weights, _) in enumerate(layers):
            shapes.setdefault(_shape(weights), ([], []))[side].append(number)
    for left, right in shapes.values():
        pairs += _within(left, right, ours, theirs)
    pairs.sort()
    taken = {one for one, _ in pairs}, {other for _, other in pairs}
    return (
        pairs,
        [one for one in range(len(ours)) if one not in taken[0]],
        [one for one in range(len(theirs)) if one not in taken[1]],
    )


def _shape(operand: Operand) -> tuple[int, ...]:
    """Give the shape without sizes of 1, which converters put and drop as they like."""
    return tuple(size for size in operand.values.shape if size != 1)


def _within(
    left: list[int], right: list[int], ours: list[Layer], theirs: list[Layer]
) -> Iterator[tuple[int, int]]:
    """Pair tensors of one shape."""
    left, right = list(left), list(right)
    rows = np.array([_direction(ours[one][0]) for one in left]).reshape(len(left), -1)
    columns = np.array([_direction(theirs[one][0]) for one in right]).reshape(len(right), -1)
    likeness = rows @ columns.T if left and right else np.zeros((0, 0))
    for flat in np.argsort(-likeness, axis=None, kind="stable"):
        one, other = np.unravel_index(flat, likeness.shape)
        if likeness[one, other] < ALIKE:
            break
        if left[one] >= 0 and right[other] >= 0:
            yield left[one], right[other]
            left[one] = right[other] = -1
    ones, others = [one for one in left if one >= 0], [one for one in right if one >= 0]
    # As many on both sides are layers of other weights, in the same order; else nobody can tell.
    if len(ones) == len(others):
        yield from zip(ones, others, strict=True)


def _direction(operand: Operand) -> Array:
    values = np.nan_to_num(operand.values.ravel()[:: max(1, operand.values.size // SAMPLE)])
    values = values.astype(np.float64)
    return values / max(float(np.linalg.norm(values)), 1e-300)


def _compared(layer: str, part: str, ours: Operand, theirs: Operand) -> Compared:
    shape = theirs.values.shape
    b = ours.values.reshape(shape).astype(np.float64)
    a = theirs.values.astype(np.float64)
    known = (layer, part, theirs.name, shape, theirs.dtype)
    if not np.isfinite(a).all():
        return Compared(*known, State.not_finite, None, None, None)
    difference = np.abs(a - b)
    largest, most = float(np.abs(b).max()), float(difference.max())
    rounding = ROUNDING * largest
    cut = theirs.clipped & (np.abs(b) > np.abs(a))
    correlation = _correlation(a, b)
    if most <= rounding:
        state = State.equal
    elif bool(np.all((difference <= theirs.step + rounding) | cut)):
        state = State.quantized
    elif correlation is not None and a.size >= FEWEST and abs(correlation) < UNRELATED:
        state = State.unrelated
    else:
        state = State.different
    relative = most / largest if largest else None
    return Compared(*known, state, most, relative, correlation)


def _biases(layer: str, ours: Operand | None, theirs: Operand | None) -> Compared:
    """Compare biases; one that is not there is zeros."""
    some = ours or theirs
    assert some is not None
    nothing = np.zeros_like(some.values)
    if theirs is None:
        left_out = _zeros(some, nothing, "(none)", "none")
        return _compared(layer, "biases", some, left_out)
    return _compared(layer, "biases", ours or _zeros(theirs, nothing, "(none)", "none"), theirs)


def _zeros(like: Operand, values: Array, name: str, dtype: str) -> Operand:
    from dataclasses import replace

    return replace(
        like, name=name, dtype=dtype, values=values, step=np.zeros(1), clipped=np.zeros(1, bool)
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
