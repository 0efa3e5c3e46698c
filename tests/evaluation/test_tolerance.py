from __future__ import annotations

import numpy as np
import pytest

from litemill.evaluation.tolerance import (
    TOLERANCES,
    Tolerance,
    is_probability,
    measure_output,
    shortfalls,
)

LEAST = Tolerance(20, 0.9)


def test_shortfalls_finds_none_in_the_same_answers():
    """An error of 0 has no SNR."""
    same = np.linspace(-1, 1, 30).reshape(10, 3)

    assert [] == shortfalls("y", measure_output(same, same), LEAST, 10)


def test_shortfalls_tells_noise_in_the_outputs_unit():
    """With what was expected."""
    reference = np.ones((10, 3))

    (message,) = shortfalls("y", measure_output(reference, reference + 0.5), LEAST, 10)

    assert "output 'y' at 6.0 dB (max. difference 0.5), expected 20" == message


def test_shortfalls_tells_nan_that_the_source_has_not():
    """Where the source has it too, it is right."""
    reference, answer = np.array([[1.0, np.nan, 2.0]]), np.array([[1.0, np.nan, np.inf]])

    (message,) = shortfalls("y", measure_output(reference, answer), LEAST, 1)

    assert message == "1 NaN or infinite values in output 'y'"


def test_shortfalls_counts_classes_of_probabilities_only():
    """And only where the samples are enough to count."""
    reference = np.tile([0.55, 0.45], (10, 1))
    answer = np.tile([0.499, 0.501], (10, 1))
    easy = Tolerance(0, 0.9)

    (message,) = shortfalls("y", measure_output(reference, answer), easy, 10)

    assert "of the source's class in 0% of samples, expected 90%" in message
    assert [] == shortfalls("y", measure_output(reference[:5], answer[:5]), easy, 5)
    assert measure_output(reference * 2, answer)["top1_agreement"] is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.2, 0.8]], True),
        ([[0.2, 0.9]], False),
        ([[-0.2, 1.2]], False),
        ([[1.0]], False),
        ([1.0, 0.0], False),
    ],
)
def test_is_probability(values, expected):
    """Rows of at least two that add up to 1."""
    assert expected == is_probability(np.array(values))


def test_tolerances_ask_more_of_finer_types():
    """float32 most."""
    assert TOLERANCES["float32"].snr_db > TOLERANCES["float16"].snr_db
    assert TOLERANCES["float16"].snr_db > TOLERANCES["dynamic range"].snr_db
    assert TOLERANCES["dynamic range"].snr_db > TOLERANCES["int8"].snr_db
