"""Lost channels in words, for checks and audits; without numpy, which the report does not need."""

from __future__ import annotations

from typing import Any

NAMED = 3  # channels in a message
COARSE = 1 / 64  # share of the largest value, of which int8 has some two steps


def describe_lost(rows: list[dict[str, Any]], count: int) -> str:
    """Describe lost channels, why they are lost, and what to do.

    Args:
        rows: the worst channels of an output, from `ChannelErrors.measures`.
        count: of lost channels.
    """
    lost = [row for row in rows if row["lost"]]
    named = ", ".join(f"{row['channel']} {row['lost']}" for row in lost[:NAMED])
    others = f" and {count - NAMED} more" if count > NAMED else ""
    text = f"of axis {lost[0]['axis']}: {named}{others}"
    if any((row["step"] or 0) > 1 or row["share"] < COARSE for row in lost):
        return (
            f"{text}; one scale holds values of very different size, or a large offset: split the"
            " output, keep it in float, or use int16x8"
        )
    return f"{text}; see `layers` for the layer that loses them"
