"""Which weights of one .tflite file stand where another one's do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.tflite.operands import BIAS, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litemill.tflite.operands import Operand

    Array = np.ndarray[Any, np.dtype[Any]]

ALIKE = 0.9  # cosine from which two tensors are taken for the same one
SAMPLE = 4096  # values of a large tensor that decide which one it is

Layer = tuple["Operand", "Operand | None"]  # weights and biases


def group_layers(operands: Sequence[Operand]) -> list[Layer]:
    """Put biases to their weights; a constant that is read twice counts once."""
    biases = {one.position: one for one in operands if one.is_bias}
    found: dict[tuple[int, int], Layer] = {}
    for one in operands:
        factor = one.real.size == 1 and one.operator not in BIAS  # such as 1/255: no layer
        if one.is_bias or factor or one.real.size == 0:
            continue
        bias = biases.get(one.position) if one.operand == WEIGHTS else None
        found.setdefault(one.tensor, (one, bias))
    return list(found.values())


def pair_layers(ours: list[Layer], theirs: list[Layer]) -> list[tuple[int, int]]:
    """Pair layers by shape, then by what they hold, then by their order; give index pairs."""
    pairs: list[tuple[int, int]] = []
    shapes: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for side, some in enumerate((ours, theirs)):
        for number, (weights, _) in enumerate(some):
            shapes.setdefault(_shape(weights), ([], []))[side].append(number)
    for left, right in shapes.values():
        pairs += _within(left, right, ours, theirs)
    return sorted(pairs)


def _shape(operand: Operand) -> tuple[int, ...]:
    """Give the shape without sizes of 1, which converters put and drop as they like."""
    return tuple(size for size in operand.real.shape if size != 1)


def _within(
    left: list[int], right: list[int], ours: list[Layer], theirs: list[Layer]
) -> Iterator[tuple[int, int]]:
    """Pair tensors of one shape."""
    if not left or not right:
        return
    left, right = list(left), list(right)
    rows = np.array([_direction(ours[one][0]) for one in left])
    columns = np.array([_direction(theirs[one][0]) for one in right])
    likeness = rows @ columns.T
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
    values = np.nan_to_num(operand.real.ravel()[:: max(1, operand.real.size // SAMPLE)])
    values = values.astype(np.float64)
    unit: Array = values / max(float(np.linalg.norm(values)), 1e-300)
    return unit
