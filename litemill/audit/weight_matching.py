"""Match the weights of two .tflite files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.tflite.operands import BIAS, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litemill.tflite.operands import Operand

    Array = np.ndarray[Any, np.dtype[Any]]

SIMILAR = 0.9  # cosine from which two tensors are taken for the same
SAMPLE = 4096  # values of a large tensor that are compared

Layer = tuple["Operand", "Operand | None"]  # weights and biases


def group_layers(operands: Sequence[Operand]) -> list[Layer]:
    """Group biases with their weights; a constant that is read twice counts once."""
    biases = {operand.position: operand for operand in operands if operand.is_bias}
    layers: dict[tuple[int, int], Layer] = {}
    for operand in operands:
        factor = operand.real.size == 1 and operand.operator not in BIAS  # such as 1/255: no layer
        if operand.is_bias or factor or operand.real.size == 0:
            continue
        bias = biases.get(operand.position) if operand.operand == WEIGHTS else None
        layers.setdefault(operand.tensor, (operand, bias))
    return list(layers.values())


def match_layers(ours: list[Layer], theirs: list[Layer]) -> list[tuple[int, int]]:
    """Match layers by shape, then by their values, then by their order; return index pairs."""
    pairs: list[tuple[int, int]] = []
    shapes: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    for side, some in enumerate((ours, theirs)):
        for number, (weights, _) in enumerate(some):
            shapes.setdefault(_shape(weights), ([], []))[side].append(number)
    for left, right in shapes.values():
        pairs += _match(left, right, ours, theirs)
    return sorted(pairs)


def _shape(operand: Operand) -> tuple[int, ...]:
    """Return the shape without sizes of 1, which converters add and drop as they like."""
    return tuple(size for size in operand.real.shape if size != 1)


def _match(
    left: list[int], right: list[int], ours: list[Layer], theirs: list[Layer]
) -> Iterator[tuple[int, int]]:
    """Match tensors of one shape."""
    if not left or not right:
        return
    left, right = list(left), list(right)
    rows = np.array([_direction(ours[number][0]) for number in left])
    columns = np.array([_direction(theirs[number][0]) for number in right])
    cosines = rows @ columns.T
    for flat in np.argsort(-cosines, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, cosines.shape)
        if cosines[row, column] < SIMILAR:
            break
        if left[row] >= 0 and right[column] >= 0:
            yield left[row], right[column]
            left[row] = right[column] = -1
    rest = [[number for number in side if number >= 0] for side in (left, right)]
    # As many on both sides are layers of other weights, in the same order; else nobody can tell.
    if len(rest[0]) == len(rest[1]):
        yield from zip(*rest, strict=True)


def _direction(operand: Operand) -> Array:
    values = np.nan_to_num(operand.real.ravel()[:: max(1, operand.real.size // SAMPLE)])
    values = values.astype(np.float64)
    unit: Array = values / max(float(np.linalg.norm(values)), 1e-300)
    return unit
