"""Score samples, one number each; a task's metric is their mean over all samples.

Each function takes a model's outputs [samples, ...] and the targets [samples, ...] and returns
float64 [samples], also for no samples at all. conf names it, with further keys as keyword
arguments: `score: {_target_: litemill.metrics.top1}`. Yours live in metrics/ of the project.
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


def label_f1(outputs: Array, target: Array, *, threshold: float = 0.5) -> Scores:
    """Return each sample's F1 over its labels: outputs [samples, labels], targets of 0 and 1.

    F1 is 2 TP / (2 TP + FP + FN), and 1 where there is no label and none is predicted. The metric
    is the mean over samples, not over labels. The threshold is 0 for logits.
    """
    outputs, target = _paired("label_f1", outputs, target)
    predicted, true = outputs > threshold, target > 0.5  # noqa: PLR2004
    both = (predicted & true).sum(axis=-1)
    of = predicted.sum(axis=-1) + true.sum(axis=-1)
    return np.asarray(np.where(of == 0, 1.0, 2 * both / np.maximum(of, 1)), np.float64)


def image_iou(outputs: Array, target: Array, *, threshold: float = 0.5) -> Scores:
    """Return each image's intersection over union of a mask, the mean over its classes.

    Outputs are [samples, height, width, classes], targets one-hot of that shape or class numbers
    [samples, height, width] or [samples, height, width, 1]. Classes that are neither in an image
    nor predicted there do not count. Of a single channel the foreground alone is scored, above the
    threshold (0 for logits); it is 1 where there is none and none is predicted. The metric is the
    mean over images; mean IoU over a whole data set, pixels pooled, is another number.
    """
    predicted, true = _masks(outputs, target, threshold)
    axes = tuple(range(1, predicted.ndim - 1))
    both, either = (predicted & true).sum(axis=axes), (predicted | true).sum(axis=axes)
    ratios = np.where(either == 0, 0.0, both / np.maximum(either, 1))
    present = (either > 0).sum(axis=-1)
    return np.asarray(np.where(present == 0, 1.0, ratios.sum(axis=-1) / np.maximum(present, 1)))


def _masks(outputs: Array, target: Array, threshold: float) -> tuple[Array, Array]:
    """Return both masks as booleans [samples, height, width, classes]."""
    shape = outputs.shape
    numbers = len(shape) == 4 and target.shape in (shape[:-1], (*shape[:-1], 1))  # noqa: PLR2004
    if not numbers and (len(shape) != 4 or target.shape != shape):  # noqa: PLR2004
        message = f"outputs of shape {list(shape)} and targets of {list(target.shape)}"
        expected = "expected [samples, height, width, classes] and a class for each pixel"
        raise DataError("litemill.metrics.image_iou", message, expected)
    if shape[-1] == 1:
        return outputs > threshold, target.reshape(shape) > 0.5  # noqa: PLR2004
    classes = np.arange(shape[-1])
    true = target.reshape(shape[:-1]) if numbers else target.argmax(axis=-1)
    if true.size and not classes[0] <= true.min() <= true.max() <= classes[-1]:
        message = f"target class {true.min():g} or {true.max():g}"
        raise DataError("litemill.metrics.image_iou", message, f"expected 0 to {classes[-1]}")
    return outputs.argmax(axis=-1)[..., None] == classes, true[..., None] == classes


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
