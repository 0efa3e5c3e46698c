from __future__ import annotations

import numpy as np
import pytest

from litemill.evaluation.rounding_filter import NOISE, ignore_rounding, typical_magnitude

REFERENCE = np.array([[1.0, -4.0], [0.5, 0.25]], np.float32)
BASE = REFERENCE + np.float32(0.01)
SIZE = typical_magnitude(REFERENCE)


def changed(place, by, base=BASE):
    """Return the base with one value changed."""
    other = base.copy()
    other[place] += np.float32(by)
    assert not np.array_equal(base, other)
    return other


def test_the_usual_size_is_the_median_of_each_value_over_the_samples():
    """What is no number counts as nothing."""
    reference = np.array([[1.0, -np.inf], [-3.0, 2.0], [5.0, np.nan]], np.float32)

    assert [[3.0, 0.0]] == typical_magnitude(reference).tolist()


def test_the_usual_size_takes_bounded_memory():
    """A few samples, fewer where they are large."""
    reference = np.arange(1000, dtype=np.float32).reshape(-1, 1)

    assert [[31.5]] == typical_magnitude(reference).tolist()
    assert (1, 5_000_000) == typical_magnitude(np.ones((2, 5_000_000), np.float32)).shape


@pytest.mark.parametrize("direction", [-1, 1])
def test_answers_that_differ_by_rounding_are_those_of_the_base(direction):
    """Whichever way each processor rounds: nothing is left of it."""
    other = changed((0, 0), direction * NOISE / 2)

    assert BASE.tolist() == ignore_rounding(other, BASE, REFERENCE, SIZE).tolist()


def test_how_much_is_rounding_is_told_by_the_value_and_by_its_usual_size():
    """The same difference is rounding beside 4, and none beside 0.5."""
    by = 2 * NOISE

    assert BASE.tolist() == ignore_rounding(changed((0, 1), by), BASE, REFERENCE, SIZE).tolist()
    other = changed((1, 0), by)
    assert other.tolist() == ignore_rounding(other, BASE, REFERENCE, SIZE).tolist()
    # A value that happens to be near zero is rounded as it usually is.
    assert BASE.tolist() == ignore_rounding(changed((1, 1), by), BASE, REFERENCE, SIZE).tolist()


def test_a_score_beside_a_box_in_pixels_is_not_judged_by_pixels():
    """Nor a value beside a mask of -1e9."""
    reference = np.array([[640.0, 0.9, -1e9], [320.0, 0.8, -1e9]], np.float32)
    other = changed((0, 1), -0.009, reference)

    assert (
        other.tolist()
        == ignore_rounding(other, reference, reference, typical_magnitude(reference)).tolist()
    )


def test_a_vector_is_of_one_set_of_kernels():
    """A mixture could have a top class that none has answered."""
    other = changed((0, 0), NOISE / 2)
    other[0, 1] += 1

    assert other.tolist() == ignore_rounding(other, BASE, REFERENCE, SIZE).tolist()


def test_other_positions_of_a_sample_are_settled():
    """Pixels, say: each has a vector of its own."""
    reference = np.ones((1, 2, 2), np.float32)
    other = reference + np.array([[[NOISE / 2, 0], [1, NOISE / 2]]], np.float32)

    found = ignore_rounding(other, reference, reference, typical_magnitude(reference))

    assert [reference[0, 0].tolist(), other[0, 1].tolist()] == found[0].tolist()


@pytest.mark.parametrize("steps", [255, 65535])
def test_one_step_of_an_integer_output_is_no_rounding(steps):
    """Of int8 and of int16, whose scale reaches as far as the sample does on both sides."""
    other = changed((0, 1), 8.0 / steps)

    assert other.tolist() == ignore_rounding(other, BASE, REFERENCE, SIZE).tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_differs_from_all_numbers(value):
    """In the answer, in the base, or in the reference."""
    other = BASE.copy()
    other[0, 0] = value

    np.testing.assert_array_equal(other, ignore_rounding(other, BASE, REFERENCE, SIZE))
    np.testing.assert_array_equal(BASE, ignore_rounding(BASE, other, REFERENCE, SIZE))
    np.testing.assert_array_equal(
        changed((0, 1), 1),
        ignore_rounding(changed((0, 1), 1), BASE, other, typical_magnitude(other)),
    )


def test_infinity_beside_infinity_is_the_same():
    """As where a class is masked: the others are settled."""
    base, other = BASE.copy(), changed((0, 1), NOISE / 2)
    base[0, 0] = other[0, 0] = -np.inf

    np.testing.assert_array_equal(base, ignore_rounding(other, base, REFERENCE, SIZE))


def test_integers_stay():
    """They have no rounding."""
    whole = np.array([[1, 2], [3, 4]])

    assert whole is ignore_rounding(whole, whole + 1, REFERENCE, SIZE)


def test_an_output_without_another_axis_is_settled_value_by_value():
    """One value for each sample."""
    reference = np.array([4.0, 0.001], np.float32)
    other = reference + np.float32(NOISE)

    assert (
        reference.tolist()
        == ignore_rounding(other, reference, reference, typical_magnitude(reference)).tolist()
    )
