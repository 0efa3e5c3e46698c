"""Diabetes progression: 442 patients, ten measurements each, shipped inside scikit-learn's wheel.

Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least Angle Regression", Annals of
Statistics 32(2), 2004.
"""

from __future__ import annotations

import math

import numpy as np

from litemill.data.dataset import Dataset


def load() -> Dataset:
    """Give `features`, float32 [442, 10], and the progression after a year, float32 [442, 1].

    Each column has mean 0 and standard deviation 1 over all patients. One unit of the target is
    77.0 of the original index (mean 152.1, range 25 to 346).
    """
    from sklearn.datasets import load_diabetes

    patients = load_diabetes(scaled=False)
    return Dataset(
        inputs={"features": _standardised(patients.data)},
        targets={"progression": _standardised(patients.target[:, np.newaxis])},
    )


def _standardised(values: np.ndarray) -> np.ndarray:
    # Sums of math.fsum are exact, so the result does not depend on how a processor adds.
    columns = []
    for column in values.T.astype(np.float64):
        mean = math.fsum(column) / len(column)
        deviation = math.sqrt(math.fsum((column - mean) ** 2) / len(column))
        columns.append((column - mean) / deviation)
    return np.stack(columns, axis=1).astype(np.float32)
