"""Measure an output channel by channel, so that no channel hides behind larger ones.

One SNR over an output that holds boxes up to 640 and scores up to 1 says nothing about the scores.
So each channel is measured about its own mean: 0 dB is the error of answering with that mean.
Channels lie along the last axis, and along axis 1 as well where there is one between samples and
channels: detectors put out [samples, 4 + classes, boxes]. All other positions are pooled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

MIN_VALUES = 10  # of a channel, for its variation to say something
MAX_DISTINCT = 16  # values of a channel that are counted
REPORTED = 8  # channels of an output, the worst first
NOISE_DB = 0.0  # below this SNR about the mean, the channel's mean would be the better answer
# Channels below this share of the output's largest variation are noise in the source itself:
# float32 rounds a sum of values of order 1 to some 1e-7 of it.
NOISE_SHARE = 1e-5
SPARSE = 0.5  # share of a channel's values that are its lowest, as behind a ReLU that hardly fires
VISIBLE_SHARE = 1 / 16  # of the output's range, for a sparse channel or one of probabilities


@dataclass(frozen=True)
class Channel:
    """One channel of an output.

    Attributes:
        axis: along which channels lie.
        number: of the channel.
        snr_db: of its variation about the mean, to its error; None where there is no error.
        spread: the source's standard deviation.
        distinct: values that the file puts out, counted up to `MAX_DISTINCT`.
        step: the output's quantization step as a share of the spread; None without a step.
        share: the spread as a share of the output's largest absolute value.
        varies: whether it varies in the source by more than noise.
        lost: whether it varies in the source, and is constant or noise in the file.
    """

    axis: int
    number: int
    snr_db: float | None
    spread: float
    distinct: int
    step: float | None
    share: float
    varies: bool
    lost: bool

    @property
    def problem(self) -> str:
        """What became of a lost channel."""
        return "constant" if self.distinct == 1 else "noise"

    def as_json(self) -> dict[str, Any]:
        """Return what a measurement records of it."""
        return {
            "axis": self.axis,
            "channel": self.number,
            "snr_db": self.snr_db,
            "spread": self.spread,
            "distinct": self.distinct,
            "step": self.step,
            "share": self.share,
            "lost": self.problem if self.lost else None,
        }


class ChannelErrors:
    """Errors of the channels of one output, batch by batch in bounded memory."""

    def __init__(self, step: float | None = None) -> None:
        """Start with no samples; `step` is the quantization step of the file's output."""
        self._step = step
        self._axes: dict[int, _Axis] = {}

    def add(self, reference: Array, output: Array) -> None:
        """Count a batch: two arrays of the same shape, [samples, ...]."""
        if reference.ndim == 1:
            reference, output = reference[:, np.newaxis], output[:, np.newaxis]
        last = reference.ndim - 1
        for axis in (last, 1) if last > 1 else (last,):
            values = (
                np.moveaxis(np.asarray(each, np.float64), axis, -1).reshape(-1, each.shape[axis])
                for each in (reference, output)
            )
            self._axes.setdefault(axis, _Axis(reference.shape[axis])).add(*values)

    def channels(self) -> list[Channel]:
        """List the channels, from the worst to the best."""
        channels = [
            channel
            for axis, errors in self._axes.items()
            for channel in errors.channels(axis, self._step)
        ]
        return sorted(channels, key=_badness)

    def measures(self) -> dict[str, Any]:
        """Return how many channels are lost, and the worst ones."""
        channels = self.channels()
        return {
            "count": len(channels),
            "lost": sum(channel.lost for channel in channels),
            "worst": [channel.as_json() for channel in channels if channel.varies][:REPORTED],
        }


def _badness(channel: Channel) -> tuple[bool, bool, float]:
    snr = math.inf if channel.snr_db is None else channel.snr_db
    return not channel.lost, not channel.varies, snr


class _Axis:
    """Sums for each channel along one axis; values are shifted by the first ones for precision."""

    def __init__(self, count: int) -> None:
        self.values = 0
        self._shift: Array | None = None
        self._sums = np.zeros((3, count))  # of the reference, its square, the error's square
        self._low, self._high = np.full((2, count), np.inf), np.full((2, count), -np.inf)
        self._lowest = np.zeros(count, np.int64)  # how often the reference is at its lowest
        self._distinct = _DistinctValues(count)

    def add(self, reference: Array, output: Array) -> None:
        """Count [values, channels] of the source and of the file."""
        if not len(reference):
            return
        if self._shift is None:
            self._shift = np.nan_to_num(reference[0], posinf=0.0, neginf=0.0)
        sums = self._sums_of(reference, output)
        if not np.isfinite(sums).all():  # the check `finite` fails these; here they do not vary
            finite = np.isfinite(reference) & np.isfinite(output)
            reference = np.where(finite, reference, self._shift)
            output = np.where(finite, output, self._shift)
            sums = self._sums_of(reference, output)
        self.values += len(reference)
        self._sums += sums
        self._count_lowest(reference)
        for i, each in enumerate((reference, output)):
            np.minimum(self._low[i], each.min(0), out=self._low[i])
            np.maximum(self._high[i], each.max(0), out=self._high[i])
        self._distinct.add(output)

    def _sums_of(self, reference: Array, output: Array) -> Array:
        with np.errstate(invalid="ignore"):
            shifted, error = reference - self._shift, output - reference
            squares = (np.einsum("nc,nc->c", each, each) for each in (shifted, error))
            return np.stack([shifted.sum(0), *squares])

    def _count_lowest(self, reference: Array) -> None:
        low = reference.min(0)
        self._lowest = np.where(low < self._low[0], 0, self._lowest)
        self._lowest += np.count_nonzero(reference == np.minimum(low, self._low[0]), axis=0)

    def channels(self, axis: int, step: float | None) -> list[Channel]:
        """Judge each channel."""
        if self.values < MIN_VALUES:
            return []
        mean, square, error = self._sums / self.values
        spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
        varies = self._varies(spread)
        with np.errstate(divide="ignore", invalid="ignore"):
            snr = 10.0 * np.log10(spread**2 / error)
        counts = self._distinct.counts()
        largest = max(float(np.abs(self._low[0]).max()), float(np.abs(self._high[0]).max()))
        return [
            Channel(
                axis=axis,
                number=i,
                snr_db=float(snr[i]) if error[i] > 0 and spread[i] > 0 else None,
                spread=float(spread[i]),
                distinct=int(counts[i]),
                step=step / float(spread[i]) if step and spread[i] > 0 else None,
                share=float(spread[i]) / largest if largest else 0.0,
                varies=bool(varies[i]),
                lost=bool(varies[i] and error[i] > 0 and (counts[i] == 1 or snr[i] < NOISE_DB)),
            )
            for i in range(len(spread))
        ]

    def _varies(self, spread: Array) -> Array:
        """Return which channels vary in the source by more than noise, and visibly.

        Probabilities share one unit: a class that hardly ever comes up may be a constant zero. So
        may a unit that is mostly at its lowest, as behind a ReLU, and else hardly above it.
        """
        range_ = self._high[0] - self._low[0]
        visible = range_ >= VISIBLE_SHARE * max(float(range_.max()), np.finfo(np.float64).tiny)
        probabilities = self._low[0].min() >= 0 and self._high[0].max() <= 1
        if probabilities:
            visible &= range_ >= VISIBLE_SHARE
        sparse = self._lowest > SPARSE * self.values
        own_rounding = spread <= 2.0**-20 * np.maximum(np.abs(self._low[0]), np.abs(self._high[0]))
        noise = (spread <= NOISE_SHARE * float(spread.max())) | own_rounding
        varies: Array = ~noise & (visible | ~(sparse | probabilities))
        return varies


class _DistinctValues:
    """Counts the distinct values of each column, up to `MAX_DISTINCT`."""

    def __init__(self, columns: int) -> None:
        self._held = np.full((MAX_DISTINCT, columns), np.nan)
        self._open = np.arange(columns)  # columns with fewer values so far

    def add(self, values: Array) -> None:
        """Count [values, columns], all finite."""
        if not self._open.size:
            return
        held = self._held[:, self._open]
        ordered = np.sort(np.concatenate([held, values[:, self._open]]), axis=0)  # NaN come last
        new = np.ones(ordered.shape, bool)
        new[1:] = ordered[1:] != ordered[:-1]
        new &= ~np.isnan(ordered)
        rank = np.cumsum(new, axis=0) - 1
        rows, columns = np.nonzero(new & (rank < MAX_DISTINCT))
        self._held[rank[rows, columns], self._open[columns]] = ordered[rows, columns]
        self._open = self._open[np.isnan(self._held[-1, self._open])]

    def counts(self) -> Array:
        """Return how many values each column has."""
        count: Array = (~np.isnan(self._held)).sum(axis=0)
        return count
