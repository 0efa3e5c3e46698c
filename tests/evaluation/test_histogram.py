from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litemill.evaluation.histogram import BINS, CORE, Histogram


def histogram(*batches):
    """Count errors that come in batches."""
    found = Histogram()
    for batch in batches:
        found.add(np.asarray(batch, np.float64))
    return found.binned()


@given(
    errors=st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=60), cut=st.integers(1, 59)
)
def test_a_histogram_in_batches_is_that_of_all_at_once(errors, cut):
    """Merging bins is exact."""
    assert histogram(errors) == histogram(errors[:cut], errors[cut:])


@given(errors=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60))
def test_a_histogram_counts_what_numpy_counts(errors):
    """Between its edges, and what lies outside."""
    found = histogram(errors)
    if found is None:
        assert set(errors) <= {0.0}
        return
    edges = np.array(found["edges"])
    expected, _ = np.histogram(errors, np.append(edges[:-1], np.nextafter(edges[-1], -1)))

    assert (2 * BINS, len(errors)) == (
        len(found["counts"]),
        sum(found["counts"]) + found["below"] + found["above"],
    )
    assert expected.tolist() == found["counts"]


def test_an_outlier_does_not_hide_the_rest():
    """The edges hold 99 % of the errors; one lies above them."""
    errors = np.append(np.random.default_rng(0).normal(0, 0.01, 10_000), 50.0)
    found = histogram(errors)

    assert found["edges"][-1] < 0.1
    assert found["above"] >= 1
    assert sum(found["counts"]) >= CORE * len(errors)


def test_no_error_at_all_is_no_histogram():
    """Nothing to draw; a single error makes one."""
    assert histogram([0.0, 0.0]) is None
    assert 3 == sum(histogram([0.0, 0.0], [0.5])["counts"])


@pytest.mark.parametrize("size", [2.0**-1040, 1e300])
def test_a_histogram_takes_any_size(size):
    """Down to denormals, up to what a double holds."""
    assert 2 == sum(histogram([size, -size])["counts"])
