from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litemill.evaluation.fidelity import Agreement, Fidelity


def measures(reference, answer):
    """Measure two arrays at once."""
    fidelity = Fidelity()
    fidelity.add(np.asarray(reference), np.asarray(answer))
    return fidelity.measures()


def test_fidelity_by_hand():
    """Reference 3, 4; answers 3, 5: signal 25, noise 1."""
    assert {
        "max_abs_error": 1.0,
        "mean_abs_error": 0.5,
        "snr_db": pytest.approx(10 * np.log10(25)),
        "cosine_similarity": pytest.approx(29 / np.sqrt(25 * 34)),
        "non_finite": 0,
        "reference_range": [3.0, 4.0],
    } == measures([3.0, 4.0], [3.0, 5.0])


def test_fidelity_of_equal_answers_has_no_noise():
    """A null SNR is the perfect one."""
    found = measures([1.0, -2.0], [1.0, -2.0])

    assert (0.0, None) == (found["max_abs_error"], found["snr_db"])
    assert found["cosine_similarity"] == pytest.approx(1.0)


def test_fidelity_counts_and_leaves_out_what_is_not_finite():
    """In the reference or in the answer."""
    found = measures([1.0, 2.0, np.inf, 4.0], [1.5, np.nan, 3.0, 4.0])

    assert (2, 0.5, 0.25) == tuple(
        found[name] for name in ("non_finite", "max_abs_error", "mean_abs_error")
    )


def test_fidelity_of_nothing_finite_is_unknown():
    """Not perfect."""
    found = measures([1.0], [np.nan])

    assert 1 == found.pop("non_finite")
    assert {None} == set(found.values())


def test_fidelity_of_zeros():
    """Zeros are alike; noise on a reference of zeros is a very low SNR, not a failure."""
    assert 1.0 == measures([0.0, 0.0], [0.0, 0.0])["cosine_similarity"]
    assert 0.0 == measures([0.0, 0.0], [1.0, 0.0])["cosine_similarity"]
    assert -3000 > measures([0.0, 0.0], [1.0, 0.0])["snr_db"]


def test_fidelity_refuses_other_shapes():
    """Broadcasting would measure something else."""
    with pytest.raises(ValueError, match="shape"):
        measures([[1.0], [2.0]], [1.0, 2.0])


@given(
    values=st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=2, max_size=40),
    cut=st.integers(1, 39),
)
def test_fidelity_in_batches_is_fidelity_at_once(values, cut):
    """Bounded memory costs no accuracy."""
    reference, answer = (np.array(column, np.float32) for column in zip(*values, strict=True))
    streamed = Fidelity()
    for part in (slice(None, cut), slice(cut, None)):
        streamed.add(reference[part], answer[part])

    assert measures(reference, answer) == {
        name: value if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)
        for name, value in streamed.measures().items()
    }


def test_agreement_counts_equal_highest_classes():
    """Over the last axis."""
    agreement = Agreement()
    agreement.add(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[0.0, 9.0], [1.0, 2.0]]))
    agreement.add(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]))

    assert (2, 3) == (agreement.same, agreement.of)
    assert agreement.share() == pytest.approx(2 / 3)
