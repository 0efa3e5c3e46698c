"""How many samples slow kernels answer: of the file's work alone."""

from __future__ import annotations

import pytest

from litemill.evaluation.sample_budget import budgeted_samples


@pytest.mark.parametrize(
    ("available", "most", "budget", "million", "expected"),
    [
        (1000, 500, 100.0, 0.1, 500),  # a small model: the limit alone
        (1000, 500, 100.0, 300.0, 333),  # MobileNetV2
        (1000, 500, 100.0, 3900.0, 50),  # ResNet50: never fewer
        (30, 500, 100.0, 3900.0, 30),  # or all there are
        (1000, None, 100.0, 300.0, 333),
        (1000, None, None, 300.0, 1000),
        (1000, 500, 100.0, 0, 500),  # no multiplications
    ],
)
def test_samples_follow_from_the_multiply_adds(available, most, budget, million, expected):
    """The budget and the limit both hold, but for the fewest."""
    counted = budgeted_samples(
        available, most=most, budget=budget, multiply_adds=int(million * 10**6)
    )
    assert expected == counted
