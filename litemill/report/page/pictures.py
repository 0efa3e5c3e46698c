"""Show one sample: an image as a picture, a signal as a line, a table's row as its values."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.report.png import png_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

LARGEST = 96  # pixels of a picture's longer side; more are averaged
SMALLEST = 4  # of a side: what is smaller is no image
CHANNELS = (1, 3)
VALUES = 16  # that are written out; more become a line
WIDTH, HEIGHT = 160, 48  # of a line, in pixels


def show_sample(name: str, values: Array, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of one input of a sample.

    Args:
        name: of the input.
        values: as the model takes them, without the axis of samples.
        declared: its preprocessing as data.json has it, which is undone for a picture; where none
            is declared, the sample's smallest value becomes black and its largest white.

    Returns:
        {"name", "text"} and one of "src" (an image), "line" (points of an SVG polyline) or neither.
    """
    shown = {"name": name, "text": _describe(values), "src": "", "line": ""}
    if is_image(values.shape):
        return shown | {"src": png_uri(_shrink(_pixels(values, declared)))}
    if values.size > VALUES and values.dtype.kind == "f":
        return shown | {"line": _line(values.reshape(-1))}
    return shown


def is_image(shape: tuple[int, ...]) -> bool:
    """Return whether values of this shape are a grey or a colour image."""
    return len(shape) == 3 and min(shape[:2]) >= SMALLEST and shape[2] in CHANNELS  # noqa: PLR2004


def _describe(values: Array) -> str:
    if values.size <= VALUES:
        return ", ".join(f"{value:.4g}" for value in values.reshape(-1).tolist())
    size = " x ".join(str(length) for length in values.shape)
    return f"{size} values, {values.min():.4g} to {values.max():.4g}"


def _pixels(values: Array, declared: Mapping[str, Any]) -> Array:
    """Return uint8 pixels; each step is exact or rounded alike on every processor."""
    real = np.nan_to_num(values.astype(np.float64))
    if "scale" in declared:
        real = real * _numbers(declared, "std", 1.0) + _numbers(declared, "mean", 0.0)
        real = real / float(Fraction(str(declared["scale"])))
    else:
        low, high = real.min(), real.max()
        real = (real - low) / ((high - low) or 1.0) * 255.0
    pixels = np.clip(np.rint(real), 0, 255).astype(np.uint8)
    if declared.get("order") == "BGR":
        pixels = pixels[..., ::-1]
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _numbers(declared: Mapping[str, Any], key: str, default: float) -> Array:
    return np.asarray(declared.get(key) or default, np.float64)


def _shrink(pixels: Array) -> Array:
    """Average blocks of pixels, in integers, until the longer side is short enough."""
    step = -(-max(pixels.shape[:2]) // LARGEST)
    if step == 1:
        return pixels
    height, width = (max(length // step, 1) for length in pixels.shape[:2])
    cut = pixels[: height * step, : width * step]
    rows, columns = min(step, cut.shape[0]), min(step, cut.shape[1])
    blocks = cut.reshape(height, rows, width, columns, -1).astype(np.int64)
    mean = (blocks.sum(axis=(1, 3)) // (rows * columns)).astype(np.uint8)
    return np.asarray(mean[..., 0] if pixels.ndim == 2 else mean)  # noqa: PLR2004


def _line(values: Array) -> str:
    """Return the points of a line: of each stretch the value that is furthest from 0."""
    parts = np.array_split(np.nan_to_num(values.astype(np.float64)), min(WIDTH, len(values)))
    peaks = np.asarray([part[np.argmax(np.abs(part))] for part in parts])
    low, high = peaks.min(), peaks.max()
    heights = HEIGHT - 2 - (peaks - low) / ((high - low) or 1.0) * (HEIGHT - 4)
    step = WIDTH / max(len(peaks) - 1, 1)
    return " ".join(f"{index * step:.1f},{height:.1f}" for index, height in enumerate(heights))
