"""How stored values become the values that a model takes: (value * scale - mean) / std.

It is declared in conf/data/ and recorded in data.json, because every application that runs the
released files has to do the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from litemill.core.errors import DataError, nearest
from litemill.data.dataset import ArrayLike  # noqa: TC001 (a field of a public class)

Array = np.ndarray[Any, np.dtype[Any]]
Number = float | int | str  # a text is a fraction: 1/255
PLACE = "data.load"
COLORS = 3

# What keras.applications call `mode` in `preprocess_input`, and the two that need no name there.
# https://github.com/keras-team/keras/blob/master/keras/src/applications/imagenet_utils.py
PRESETS: dict[str, dict[str, Any]] = {
    "raw": {"scale": 1},  # 0..255, for models that scale by themselves
    "unit": {"scale": "1/255"},  # 0..1
    "tf": {"scale": "2/255", "mean": 1},  # -1..1
    "caffe": {"scale": 1, "mean": [103.939, 116.779, 123.68], "order": "BGR"},
    "torch": {"scale": "1/255", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


@dataclass(frozen=True)
class Preprocessing:
    """An affine map of values, for each channel (last axis) or for all of them.

    Attributes:
        scale: what values are multiplied with, first.
        mean: subtracted from the scaled values; one number, or one for each channel.
        std: what they are divided by, last; one number, or one for each channel.
        order: of the channels of a color image: RGB or BGR.
        preset: the name in `PRESETS`, if it has one.
    """

    scale: Fraction = Fraction(1)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    order: str = "RGB"
    preset: str | None = None

    def apply(self, values: Array) -> Array:
        """Return the values [..., channels] as a model takes them, float32."""
        result: Array = values.astype(np.float32)
        if self.order == "BGR":
            result = result[..., ::-1]
        if self.scale.numerator != 1:
            result = result * np.float32(self.scale.numerator)
        if self.scale.denominator != 1:
            result = result / np.float32(self.scale.denominator)
        if any(self.mean):
            result = result - np.array(self.mean, np.float32)
        if set(self.std) != {1.0}:
            result = result / np.array(self.std, np.float32)
        return result

    def as_json(self) -> dict[str, Any]:
        """Return what data.json records: what an application has to do."""
        return {
            "preset": self.preset,
            "scale": str(self.scale),
            "mean": list(self.mean),
            "std": list(self.std),
        }


@dataclass(frozen=True)
class PreprocessedRows:
    """Rows that are preprocessed when they are read."""

    rows: ArrayLike
    preprocessing: Preprocessing

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples, then the shape of one."""
        return self.rows.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values: float32."""
        return np.dtype(np.float32)

    def __getitem__(self, rows: Any, /) -> Array:
        """Read and preprocess the rows of a slice or of an array of indices."""
        return self.preprocessing.apply(np.asarray(self.rows[rows]))


def preprocessing_of(  # noqa: PLR0913 (one keyword a thing that YAML says)
    place: str,
    channels: int,
    *,
    preset: str | None = None,
    scale: Number | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Preprocessing:
    """Check options and return what they mean.

    Args:
        place: what errors name, such as `data.load`.
        channels: size of the last axis of the values.
        preset: a name of `PRESETS`, instead of the other options.
        scale: a number, or a fraction as text (`1/255`).
        mean: of the scaled values.
        std: of the scaled values.

    Raises:
        DataError: an option is no number, of the wrong length, or in conflict with the preset.
    """
    options: dict[str, Any] = {"scale": scale, "mean": mean, "std": std}
    if preset is not None:
        given = [name for name, value in options.items() if value is not None]
        if given:
            expected = f"the preset {preset!r} sets it; name the preset or the numbers"
            raise DataError(f"{place}.{given[0]}", str(options[given[0]]), expected)
        if preset not in PRESETS:
            raise DataError(f"{place}.preset", repr(preset), nearest(preset, PRESETS))
        options |= PRESETS[preset]
    return Preprocessing(
        _scale(place, options["scale"]),
        _numbers(f"{place}.mean", options["mean"], channels, 0.0),
        _numbers(f"{place}.std", options["std"], channels, 1.0, positive=True),
        options.get("order", "RGB"),
        preset,
    )


def preprocess_inputs(
    inputs: Mapping[str, ArrayLike], options: Mapping[str, Any] | None
) -> tuple[dict[str, ArrayLike], dict[str, Any]]:
    """Preprocess the inputs that `options` names: {input: {preset, scale, mean, std}}.

    Returns:
        All inputs, and what data.json records of those that are preprocessed.

    Raises:
        DataError: an input or an option does not exist, or an option is wrong.
    """
    result, records = dict(inputs), dict[str, Any]()
    for name, values in (options or {}).items():
        place = f"{PLACE}.preprocess.{name}"
        if name not in inputs:
            raise DataError(place, "no such input", nearest(name, inputs))
        if not isinstance(values, Mapping):
            raise DataError(place, repr(values), "expected preset, or scale, mean and std")
        for key in values:
            if key not in ("preset", "scale", "mean", "std"):
                raise DataError(
                    f"{place}.{key}", "no such option", "expected preset, scale, mean, std"
                )
        rows = inputs[name]
        channels = rows.shape[-1] if len(rows.shape) > 1 else 1
        preprocessing = preprocessing_of(place, channels, **values)
        result[name] = PreprocessedRows(rows, preprocessing)
        records[name] = {**preprocessing.as_json(), "order": preprocessing.order}
    return result, records


def _scale(place: str, value: Number | None) -> Fraction:
    try:
        result = Fraction(1 if value is None else str(value))
    except (ValueError, ZeroDivisionError):
        result = Fraction(0)
    if result == 0:
        raise DataError(f"{place}.scale", repr(value), "expected a number or a fraction: 1/255")
    return result


def _numbers(
    place: str, value: Any, channels: int, default: float, *, positive: bool = False
) -> tuple[float, ...]:
    values = default if value is None else value
    listed = [values] if isinstance(values, int | float) else list(values)
    numbers = [isinstance(v, int | float) and math.isfinite(v) for v in listed]
    if not all(numbers) or (positive and min(listed, default=0) <= 0):
        expected = "expected numbers above 0" if positive else "expected numbers"
        raise DataError(place, str(value), expected)
    if len(listed) not in (1, channels):
        raise DataError(place, f"{len(listed)} numbers", f"expected 1 or {channels}")
    return tuple(float(v) for v in listed)
