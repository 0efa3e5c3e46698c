from __future__ import annotations

import pytest

from litemill.core.number_format import significant_format


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0000123, "0.0000123"),
        (0.0404, "0.0404"),
        (1.0, "1.00"),
        (99.94, "99.9"),
        (141.4, "141"),
        (88620.0, "88,620"),
        (0.0, "0"),
        (0, "0"),
        (-0.5, "-0.500"),
    ],
)
def test_a_number_is_told_by_three_digits_and_no_exponent(value, shown):
    """A latency of 40 ns beside one of a millisecond is not 0.0."""
    assert shown == format(value, significant_format(value))
