from __future__ import annotations

import numpy as np
import pytest

from litemill.tflite.description import Tensor
from litemill.tflite.quantization import dequantize, quantize

HALF = Tensor("t", "int8", (-1,), scale=0.5, zero_point=3)


def test_quantize_rounds_ties_away_from_zero():
    """As std::round does; numpy's own rounding goes to even."""
    values = np.array([0.25, 0.75, -0.25, -0.75, 1.0], np.float32)

    assert [4, 5, 2, 1, 5] == quantize(values, HALF).tolist()


def test_quantize_does_not_round_twice():
    """The largest float32 below one half is still nearer to zero."""
    below = np.nextafter(np.float32(0.25), np.float32(0))

    assert [3] == quantize(np.array([below]), HALF).tolist()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_quantize_clamps_to_the_type(dtype):
    """Infinity too."""
    limits = np.iinfo(dtype)
    values = np.array([-np.inf, -1e9, 1e9, np.inf], np.float32)
    found = quantize(values, Tensor("t", dtype, (-1,), scale=0.1, zero_point=0))

    assert [limits.min, limits.min, limits.max, limits.max] == found.tolist()
    assert dtype == found.dtype.name


def test_dequantize_is_the_inverse_on_every_stored_value():
    """All 256 of them."""
    stored = np.arange(-128, 128, dtype=np.int8)
    real = dequantize(stored, HALF)

    assert np.float32 == real.dtype
    assert np.array_equal(stored, quantize(real, HALF))
    assert [-65.5, 62.0] == [real[0], real[-1]]


def test_dequantize_leaves_other_types_as_they_are():
    """Indices and float outputs have no scale."""
    values = np.array([1, 2], np.int64)

    assert values is dequantize(values, Tensor("t", "int64", (-1,)))
