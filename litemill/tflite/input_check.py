"""Whether arrays can be fed to the inputs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from litemill.tflite.description import Tensor

    Array = np.ndarray[Any, np.dtype[Any]]


def check_names(arrays: Mapping[str, Array], inputs: Mapping[str, Tensor], place: object) -> None:
    """Refuse arrays of names that the model does not have, and of too few.

    Raises:
        InterpreterError: at `place`.
    """
    for name in arrays:
        if name not in inputs:
            raise InterpreterError(place, f"no input {name!r}", nearest(name, inputs))
    for name in inputs:
        if name not in arrays:
            raise InterpreterError(place, f"no samples for input {name!r}")


def count_samples(arrays: Mapping[str, Array], inputs: Mapping[str, Tensor], place: object) -> int:
    """Return the number of samples in arrays [samples, ...] that fit the inputs.

    Raises:
        InterpreterError: names, numbers of samples or shapes do not fit.
    """
    check_names(arrays, inputs, place)
    counts = {len(values) for values in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        expected = "expected the same number for every input"
        raise InterpreterError(place, f"{sorted(counts)} samples", expected)
    for name, tensor in inputs.items():
        sizes, shape = tensor.shape[1:], arrays[name].shape[1:]
        fits = len(shape) == len(sizes) and all(
            want in (-1, size) for want, size in zip(sizes, shape, strict=True)
        )
        if not fits:
            where, found = f"{place}, input {name!r}", f"samples of shape {list(shape)}"
            raise InterpreterError(where, found, f"expected {list(sizes)}")
    return counts.pop()
