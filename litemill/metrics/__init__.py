"""Score samples, one number each; a task's metric is their mean over all samples.

Each function takes a model's outputs [samples, ...] and the targets [samples, ...] and returns
float64 [samples], also for no samples at all. conf names it, with further keys as keyword
arguments: `score: {_target_: litemill.metrics.top1}`. Yours may live in any module of the project.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from litemill.core.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]
Scores = np.ndarray[Any, np.dtype[np.float64]]


def top1(outputs: Array, target: Array) -> Scores:
    """Score 1 where the highest of the outputs [samples, classes] is the target class, else 0."""
    classes = _classes(outputs, target)
    return np.asarray(np.argmax(outputs, axis=-1) == classes, np.float64)


def top_k(outputs: Array, target: Array, *, k: int = 5) -> Scores:
    """Score 1 where the target class is among the k highest outputs [samples, classes], else 0.

    Ties go to the lower class, as `argmax` breaks them.
    """
    classes = _classes(outputs, target)
    highest = np.argsort(-np.asarray(outputs, np.float64), axis=-1, kind="stable")[:, :k]
    return np.asarray((highest == classes[:, None]).any(axis=-1), np.float64)


def binary(outputs: Array, target: Array, *, threshold: float = 0.5) -> Scores:
    """Score 1 where an output [samples] or [samples, 1] is on the target's (0 or 1) side, else 0.

    The threshold is 0.5 for probabilities; set it to 0 for logits.
    """
    outputs, target = _paired("binary", outputs, target)
    same = (outputs > threshold) == (target > 0.5)  # noqa: PLR2004
    return np.asarray(same.all(axis=-1), np.float64)


def absolute_error(outputs: Array, target: Array) -> Scores:
    """Return |output - target|, the mean over a sample's elements, in the target's unit."""
    outputs, target = _paired("absolute_error", outputs, target)
    return np.asarray(np.abs(outputs - target).mean(axis=-1), np.float64)


def squared_error(outputs: Array, target: Array) -> Scores:
    """Return (output - target)^2, the mean over a sample's elements, in the unit squared."""
    outputs, target = _paired("squared_error", outputs, target)
    return np.asarray(((outputs - target) ** 2).mean(axis=-1), np.float64)


def _classes(outputs: Array, target: Array) -> Array:
    if outputs.ndim != 2 or outputs.shape[1] < 2 or target.size != len(outputs):  # noqa: PLR2004
        message = f"outputs of shape {list(outputs.shape)} and targets of {list(target.shape)}"
        expected = (
            "expected [samples, classes] with two classes or more, and a class for each sample"
        )
        raise DataError("litemill.metrics.top_k", message, expected)
    return np.asarray(target).reshape(len(outputs))


def _paired(name: str, outputs: Array, target: Array) -> tuple[Array, Array]:
    """Return both as float64 [samples, elements]."""
    if outputs.size != target.size or len(outputs) != len(target):
        message = f"outputs of shape {list(outputs.shape)} and targets of {list(target.shape)}"
        raise DataError(f"litemill.metrics.{name}", message, "expected as many of each")
    shape = (len(outputs), prod(outputs.shape[1:]))
    both = (np.asarray(each, np.float64).reshape(shape) for each in (outputs, target))
    return next(both), next(both)
