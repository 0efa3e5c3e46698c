from __future__ import annotations

import pytest

from litemill.evaluation import margins

METRIC = {
    "goal": "maximize",
    "counts": {"both": 340, "source_only": 5, "variant_only": 2, "neither": 12},
}


@pytest.mark.parametrize(("limit", "left"), [(3 / 359, 0), (0.02, 4), (0.008, -1), (0.0, -3)])
def test_lost_counts_what_more_may_go_wrong(limit, left):
    """Three of 359 are lost; 2 % are seven."""
    assert left == margins.samples_until_drop(METRIC, limit)


def test_lost_turns_round_where_less_is_better():
    """A score of 1 is then the bad one."""
    assert 3 + 7 == margins.samples_until_drop({**METRIC, "goal": "minimize"}, 0.02)


@pytest.mark.parametrize(("limit", "left"), [(342 / 359, 0), (0.95, 0), (0.9, 18), (0.96, -3)])
def test_right_counts_beyond_a_share(limit, left):
    """342 of 359 are right; 95 % are 341.05."""
    assert left == margins.samples_above_minimum(METRIC["counts"], limit)


def test_nothing_is_counted_without_counts():
    """Scores that are not 0 or 1."""
    assert margins.samples_until_drop({"goal": "maximize", "counts": None}, 0.1) is None
    assert margins.samples_above_minimum(None, 0.1) is None
    assert margins.samples_above_agreement(None, 0.1) is None


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (None, ""),
        (0, " (passes by 0 samples)"),
        (1, " (passes by 1 sample)"),
        (-1, " (fails by 1 sample)"),
        (-12, " (fails by 12 samples)"),
    ],
)
def test_told_says_it_in_words(left, message):
    """One sample is singular."""
    assert message == margins.format_margin(left)


def test_a_margin_stays_on_the_side_of_the_verdict():
    """What rounding to six digits moved."""
    assert (0, -1) == (
        margins.floor_to_verdict(-1, passed=True),
        margins.floor_to_verdict(0, passed=False),
    )


@pytest.mark.parametrize(
    ("limit", "left"), [(0.98, 6), (0.9, 35), (1.0, -1), (0.9972, 0), (0.0, 359)]
)
def test_agreement_counts_beyond_a_share(limit, left):
    """359 of 360 agree: 0.98 asks for 352.8 of them."""
    assert left == margins.samples_above_agreement({"same": 359, "of": 360}, limit)


@pytest.mark.parametrize(("share", "left"), [(0.05, 1), (0.1, 2), (-0.05, -1), (-0.01, -1)])
def test_a_share_of_samples_is_a_count_of_whole_ones(share, left):
    """Of 20; a part of one that is too many is one."""
    assert left == margins.samples_of_share(share, 20)


@pytest.mark.parametrize(
    ("of", "samples", "unit"), [(360, 360, "sample"), (360, None, "sample"), (720, 360, "answer")]
)
def test_what_is_counted_is_a_sample_unless_it_has_several_answers(of, samples, unit):
    """Two answers for each of 360 samples are 720."""
    assert unit == margins.unit_name(of, samples)


@pytest.mark.parametrize(
    ("share", "of", "whole"),
    [
        (0.9999995, 1, 1),
        (0.9999985, 1, 0),
        (-1.5e-6, 1, -1),
        (-0.5e-6, 1, 0),
        (0.99999955, 1000, 1000),
        (0.9999985, 1000, 999),
        (2.9999985, 1, 3),
        (2.9999965, 1, 2),
    ],
)
def test_noise_is_a_millionth_of_the_count_and_of_a_sample_at_least(share, of, whole):
    """Shares are rounded to six digits, a count of 3 so to 3e-6."""
    assert whole == margins.samples_of_share(share, of)
