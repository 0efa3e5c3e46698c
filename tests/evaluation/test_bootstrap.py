from __future__ import annotations

import hashlib

import numpy as np
import pytest

from litemill.evaluation.bootstrap import GROUPS, RESAMPLES, BootstrapGroups, _draws


def intervals(source, variant, batch=1000):
    """Return the three intervals of scores that come in batches."""
    groups = BootstrapGroups()
    for start in range(0, len(source), batch):
        groups.add(source[start : start + batch], variant[start : start + batch])
    return groups.intervals()


def scores(count, right, seed=0):
    """Return 0/1 scores with this share of ones, in random order."""
    return (np.random.default_rng(seed).random(count) < right).astype(np.float64)


def test_draws_are_the_same_on_every_machine():
    """Raw PCG64, and integer arithmetic alone."""
    digest = hashlib.sha256(_draws(359).astype("<i8").tobytes()).hexdigest()

    assert "1a92a1b534f312ad" == digest[:16]
    assert (0, 358) == (_draws(359).min(), _draws(359).max())


def test_draws_take_every_sample_as_often():
    """Each of them once a resample, on average."""
    counts = np.bincount(_draws(100).ravel(), minlength=100)

    assert counts == pytest.approx(np.full(100, RESAMPLES), rel=0.15)


@pytest.mark.parametrize("count", [400, 40_000])
def test_an_interval_is_that_of_the_normal_approximation(count):
    """Of a proportion of many samples: ± 1.96 sqrt(p (1 - p) / n), in groups as one by one."""
    right = scores(count, 0.8)
    (low, high), _, _ = intervals(right, right)
    mean = right.mean()
    half = 1.96 * np.sqrt(mean * (1 - mean) / count)

    assert (mean - half, mean + half) == pytest.approx((low, high), abs=0.15 * half)


def test_the_drop_is_surer_than_either_metric():
    """Both models are judged on the same draws: where they agree, nothing varies."""
    source = scores(1000, 0.9)
    variant = source.copy()
    variant[:20] = 0.0
    of_source, _, of_drop = intervals(source, variant)

    assert of_drop[1] - of_drop[0] < 0.6 * (of_source[1] - of_source[0])
    assert [0.0, 0.0] == intervals(source, source)[2]


def test_intervals_do_not_depend_on_the_batches():
    """Groups go by the number of a sample, not by its batch."""
    source, variant = scores(5000, 0.9), scores(5000, 0.8, seed=1)

    assert intervals(source, variant, 7) == intervals(source, variant, 5000)


def test_memory_does_not_grow_with_the_samples():
    """Sums of groups are all that is kept."""
    groups = BootstrapGroups()
    groups.add(np.ones(10 * GROUPS), np.ones(10 * GROUPS))

    assert (2, GROUPS) == groups._sums.shape


def test_intervals_of_no_samples_are_unknown():
    """Not 0."""
    assert np.isnan(BootstrapGroups().intervals()).all()
