from __future__ import annotations

import pytest

from litemill.report.axes import Frame, Scale

FRAME = Frame(width=200, height=100, left=40, right=10, top=5, bottom=20)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 100.0, [0, 20, 40, 60, 80, 100]),
        (0.9, 1.0, [0.9, 0.92, 0.94, 0.96, 0.98, 1.0]),
        (-3, 3, [-2, 0, 2]),
        (1e-9, 3e-9, [1e-9, 1.5e-9, 2e-9, 2.5e-9, 3e-9]),
        (0, 7e6, [0, 2e6, 4e6, 6e6]),
    ],
)
def test_ticks_are_round_and_few(low, high, expected):
    """Multiples of 1, 2 or 5 times a power of ten."""
    assert pytest.approx(expected) == Scale(low, high, 0, 1).ticks()


def test_values_lie_between_the_edges_of_the_frame():
    """Up is up, though pixels count from the top."""
    across, up = FRAME.across(0, 10), FRAME.up(0, 10)

    assert (40, 190) == (across(0), across(10))
    assert (80, 5) == (up(0), up(10))


def test_names_of_axes_are_escaped():
    """They come from the names of metrics."""
    drawn = "".join(FRAME.axes(FRAME.across(0, 1), FRAME.up(0, 1), below="a<b", above="c&d"))

    assert "a&lt;b" in drawn
    assert "c&amp;d" in drawn
