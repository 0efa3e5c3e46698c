"""Measure how far a variant's outputs are from the source model's, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Fidelity:
    """Error measures of one output over all its elements; sums are float64.

    With r the reference and a the output, over the elements where both are finite:

    - max_abs_error = max |a - r|, mean_abs_error = mean |a - r|, in the output's own unit;
    - snr_db = 10 log10(sum r^2 / sum (a - r)^2), None where the error is exactly 0; a reference of
      nothing but zeros counts as the smallest positive float64;
    - cosine_similarity = sum r a / sqrt(sum r^2 sum a^2), 1 where both are all
      zeros, 0 where one is;
    - non_finite: elements left out because r or a is NaN or infinite;
    - reference_range = [min r, max r].

    All but non_finite are None where nothing was finite.
    """

    elements: int = 0
    non_finite: int = 0
    max_abs_error: float = 0.0
    _abs_error: float = 0.0
    _error: float = 0.0
    _reference: float = 0.0
    _output: float = 0.0
    _product: float = 0.0
    _range: list[float] = field(default_factory=lambda: [math.inf, -math.inf])

    def add(self, reference: Array, output: Array) -> Array:
        """Count a batch: two arrays of the same shape, any real type.

        Returns:
            The errors a - r where both are finite: float64, one axis.

        Raises:
            ValueError: the shapes differ.
        """
        if reference.shape != output.shape:
            raise ValueError(f"shape {list(output.shape)}, reference {list(reference.shape)}")
        r = np.asarray(reference, np.float64).ravel()
        a = np.asarray(output, np.float64).ravel()
        error = a - r
        squares = _dot(error, error)
        if not math.isfinite(squares):  # the usual case costs no pass of its own
            finite = np.isfinite(r) & np.isfinite(a)
            self.non_finite += int(finite.size - np.count_nonzero(finite))
            r, a, error = r[finite], a[finite], error[finite]
            squares = _dot(error, error)
        if r.size:
            self._add_finite(r, a, error, squares)
        return error

    def _add_finite(self, r: Array, a: Array, error: Array, squares: float) -> None:
        magnitude = np.abs(error)
        self.elements += r.size
        self.max_abs_error = max(self.max_abs_error, float(magnitude.max()))
        self._abs_error += float(magnitude.sum())
        self._error += squares
        self._reference += _dot(r, r)
        self._output += _dot(a, a)
        self._product += _dot(r, a)
        self._range = [min(self._range[0], float(r.min())), max(self._range[1], float(r.max()))]

    def measures(self) -> dict[str, Any]:
        """Return all measures by name."""
        measured = self.elements > 0
        return {
            "max_abs_error": self.max_abs_error if measured else None,
            "mean_abs_error": self._abs_error / self.elements if measured else None,
            "snr_db": self._snr() if measured else None,
            "cosine_similarity": self._cosine() if measured else None,
            "non_finite": self.non_finite,
            "reference_range": self._range if measured else None,
        }

    def _snr(self) -> float | None:
        if self._error == 0.0:
            return None
        signal = max(self._reference, float(np.finfo(np.float64).tiny))
        return 10.0 * (math.log10(signal) - math.log10(self._error))

    def _cosine(self) -> float:
        norm = math.sqrt(self._reference) * math.sqrt(self._output)
        if norm == 0.0:
            return float(self._reference == self._output)
        return self._product / norm


@dataclass
class Agreement:
    """How often two models have the same highest class (the last axis)."""

    same: int = 0
    of: int = 0

    def add(self, reference: Array, output: Array) -> None:
        """Count a batch: two arrays [samples, ..., classes]."""
        same = np.argmax(reference, axis=-1) == np.argmax(output, axis=-1)
        self.same += int(same.sum())
        self.of += int(same.size)

    def share(self) -> float:
        """Return the share of samples that agree, 1 for none at all."""
        return self.same / self.of if self.of else 1.0


def _dot(left: Array, right: Array) -> float:
    """Sum products in one thread: BLAS starts others, whose waiting costs more.

    einsum adds in a plain loop, so that a block of n values has a relative error of at most
    n 2^-53: 10^-11 for 65,536.
    """
    return float(np.einsum("i,i->", left, right))
