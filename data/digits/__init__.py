"""Handwritten digits, 8x8 pixels: 1,797 samples that ship inside scikit-learn's wheel.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

import numpy as np

from litemill.data.dataset import Dataset

LEVELS = 16  # each pixel counts the ink dots of a 4x4 square, 0 to 16


def load() -> Dataset:
    """Give `image`, float32 [1797, 8, 8, 1] in 0..1, and the digit, int64 [1797]."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.float32) / np.float32(LEVELS)
    return Dataset(
        inputs={"image": images[..., np.newaxis]},
        targets=digits.target,
        classes=[str(digit) for digit in range(10)],
    )
