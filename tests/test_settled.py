from __future__ import annotations

import numpy as np
import pytest

from stages.settled import NOISE, settled

REFERENCE = np.array([[1.0, -4.0], [0.5, 0.25]], np.float32)
BASE = REFERENCE + np.float32(0.01)


def test_answers_that_differ_by_rounding_are_those_of_the_base():
    """Whichever way each processor rounds: nothing is left of it."""
    for direction in (-1, 1):
        other = BASE + direction * np.float32(NOISE / 4) * np.array([[4.0], [0.5]], np.float32)
        assert not np.array_equal(BASE, other)

        assert BASE.tolist() == settled(other, BASE, REFERENCE).tolist()


def test_how_much_is_rounding_is_told_by_the_largest_value_of_the_sample():
    """The same difference is rounding beside 4, and none beside 0.5."""
    other = BASE + np.float32(2 * NOISE)

    found = settled(other, BASE, REFERENCE)

    assert BASE[0].tolist() == found[0].tolist()
    assert other[1].tolist() == found[1].tolist()


@pytest.mark.parametrize("steps", [255, 65535])
def test_one_step_of_an_integer_output_is_no_rounding(steps):
    """Of int8 and of int16, whose scale reaches as far as the sample does on both sides."""
    step = np.float32(8.0 / steps)
    other = BASE.copy()
    other[0, 1] += step

    assert other.tolist() == settled(other, BASE, REFERENCE).tolist()


def test_what_is_no_number_stays():
    """NaN and infinity of any of them are counted as they are."""
    other = BASE.copy()
    other[0, 0], other[1, 1] = np.nan, np.inf

    np.testing.assert_array_equal(other, settled(other, BASE, REFERENCE))
    np.testing.assert_array_equal(BASE, settled(BASE, other, REFERENCE))


def test_integers_and_other_shapes_stay():
    """The former have no rounding, the latter are an error that is told elsewhere."""
    whole = np.array([[1, 2], [3, 4]])

    assert whole is settled(whole, whole + 1, REFERENCE)
    assert REFERENCE is settled(REFERENCE, BASE[:1], REFERENCE)


def test_a_value_for_each_sample_has_a_scale_of_its_own():
    """Outputs without another axis."""
    reference = np.array([4.0, 0.0], np.float32)
    other = reference + np.float32(2 * NOISE)

    assert [4.0, float(other[1])] == settled(other, reference, reference).tolist()
