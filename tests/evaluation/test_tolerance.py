from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from litemill.evaluation.tolerance import (
    TOLERANCES,
    Tolerance,
    is_probability,
    measure_output,
    shortfalls,
    tolerance_of,
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


# Decibels, and the share of the same classes: what correct conversions keep (see the module).
LEAST_OF = {
    "float32": (80, 0.99),
    "float16": (40, 0.95),
    "dynamic range": (15, 0.8),
    "int8": (12, 0.8),
    "mixed": (12, 0.8),
    "int16x8": (12, 0.8),
}


def judged(least, snr_db=None, agreement=None):
    """Judge measures of ten samples."""
    measures = {"broken": 0, "snr_db": snr_db, "max_abs_error": 0.1, "channels": {"lost": 0}}
    return shortfalls("y", {**measures, "top1_agreement": agreement}, least, 10)


@pytest.mark.parametrize("arithmetic", LEAST_OF)
def test_a_file_passes_at_its_bounds_and_not_below(arithmetic):
    """And a perfect one always does: no bound lies above what there can be."""
    least, (snr_db, agreement) = TOLERANCES[arithmetic], LEAST_OF[arithmetic]

    assert [] == judged(least, None, 1.0)
    assert [] == judged(least, snr_db, agreement)
    assert 1 == len(judged(least, snr_db - 0.01, agreement))
    assert 1 == len(judged(least, snr_db, agreement - 0.001))
    assert {*LEAST_OF} == {*TOLERANCES}


@pytest.mark.parametrize(
    ("weights", "snr_db", "agreement"),
    [
        ({"int2"}, -3, 0),
        ({"int4"}, 6, 0.5),
        ({"uint4"}, 6, 0.5),
        ({"int8", "int4"}, 6, 0.5),
        ({"int4", "int2"}, -3, 0),
        ({"int8"}, 15, 0.8),
    ],
)
def test_weights_of_few_bits_may_do_worse(weights, snr_db, agreement):
    """The narrowest count."""
    description = SimpleNamespace(weights=dict.fromkeys(weights))

    assert Tolerance(snr_db, agreement) == tolerance_of(description, "dynamic range")


def test_one_lost_channel_fails_what_is_not_expected_to_be_rough():
    """With int2 weights some are."""
    reference = np.stack([np.linspace(0, 640, 40), np.linspace(0, 1, 40)], axis=1)
    output = reference * [1, 0] + [0, 0.5]
    measures = measure_output(reference, output)

    assert 1 == measures["channels"]["lost"]
    assert 1 == len(shortfalls("y", measures, Tolerance(12, 0.8), 40))
    assert [] == shortfalls("y", measures, Tolerance(-3, 0), 40)
    assert [] == shortfalls("y", measures, Tolerance(0, 0), 40)
    assert 1 == len(shortfalls("y", measures, Tolerance(0.5, 0), 40))


@pytest.mark.parametrize(("rest", "expected"), [(0.0009, True), (0.0012, False)])
def test_a_distribution_adds_up_to_a_thousandth(rest, expected):
    """Softmax of float16 is off by less; a class may have no chance at all."""
    assert expected == is_probability(np.array([[1.0 - rest, 0.0]]))
    assert expected == is_probability(np.array([[1.0 + rest, 0.0]]))
    assert not is_probability(np.array([[0, 1]]))
