"""Find the source's names of weights that a converter has renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litemill.tflite.operands import Operand

    Array = np.ndarray[Any, np.dtype[Any]]

COLLINEAR = 0.9999
DEPTHWISE, MATRIX = 4, 2  # dimensions


def layer_names(operands: Sequence[Operand], variables: Mapping[str, Array]) -> dict[str, str]:
    """Name the weights of a fresh conversion by the variables of its source that they come from.

    A variable is recognised by its values, in any of the layouts that TensorFlow Lite has for it,
    up to a factor for each channel, as folding batch normalization leaves it.

    Args:
        operands: constants of the conversion.
        variables: the source's variables, by names such as `dense_1/kernel:0`.

    Returns:
        Name of the layer by name of the constant's tensor, where it is known.
    """
    free = dict(variables)
    names: dict[str, str] = {}
    for operand in operands:
        if operand.is_bias or operand.real.size < 2 or operand.name in names:  # noqa: PLR2004
            continue
        name = next((n for n, v in free.items() if _is_layout_of(operand, v)), None)
        if name is not None:
            del free[name]
            names[operand.name] = _layer(name)
    return names


def _is_layout_of(operand: Operand, variable: Array) -> bool:
    if operand.real.size != variable.size:
        return False
    return any(
        layout.shape == operand.real.shape and _collinear(operand.real, layout, axis)
        for layout, axis in _layouts(variable, operand.real.shape)
    )


def _layouts(variable: Array, shape: tuple[int, ...]) -> Iterator[tuple[Array, int]]:
    """Iterate over the layouts of a variable in a file, each with the axis of its channels."""
    if variable.ndim == len(shape):
        yield variable, 0
        yield variable, -1
    if variable.ndim >= MATRIX:
        last_first = np.moveaxis(variable, -1, 0)  # [.., in, out] to [out, .., in]
        yield last_first.reshape(shape) if last_first.size == np.prod(shape) else last_first, 0
    if variable.ndim == DEPTHWISE:
        yield variable.reshape(1, *variable.shape[:2], -1), -1
        # Transposed convolutions have [height, width, out, in] and want [out, height, width, in].
        yield np.moveaxis(variable, 2, 0), 0


def _collinear(values: Array, layout: Array, axis: int) -> bool:
    """Return whether the channels of two arrays are multiples of each other."""
    a = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)
    b = np.moveaxis(layout, axis, 0).reshape(values.shape[axis], -1).astype(np.float64)
    if a.shape[1] == 1:  # one value a channel: any is a multiple
        return bool(np.allclose(a, b, rtol=1e-5, atol=1e-7))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.abs((a * b).sum(axis=1))
    return bool(np.all(products >= COLLINEAR * norms) and norms.any())


def _layer(variable: str) -> str:
    """Return the layer of a variable: `dense_1` of `dense_1/kernel:0`."""
    path = variable.partition(":")[0]
    return path.rpartition("/")[0] or path
