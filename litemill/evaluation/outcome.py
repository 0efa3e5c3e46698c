"""What a check found: a number held to its limit, and the line that tells it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from litemill.evaluation import margins as samples


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        passed: whether the variant may ship as far as this check goes.
        found: the judged number; None when it is absent, or when there is no finite one.
        limit: the number it was held to; None where there is none.
        told: one line: what was found and what was expected.
        margin: how far `found` is on the good side of `limit`, in the unit of both; below 0 when
            the check failed.
        output: which output was judged, where a model has several.
        kernels: under which kernels it was worse than under the default ones.
        margin_samples: the margin as a number of samples, where the check counts samples: so many
            more may go wrong, or below 0, so many are too many.
        counted: what it counts: "sample", or "answer" where a sample has several.
        absent: the question does not arise, as for a metric where there are no targets.
    """

    passed: bool
    found: float | None
    limit: float | None
    told: str
    margin: float | None = None
    output: str | None = None
    kernels: str | None = None
    margin_samples: int | None = None
    counted: str = "sample"
    absent: bool = False


def at_most(found: float, limit: float, unit: str = "", **more: Any) -> Outcome:
    """Hold a number to an upper limit.

    `more` are `output`; `spare`, the margin in samples; and `counted`, where it counts answers.
    """
    return _judged(found, limit, unit, bound="at most", **more)


def at_least(found: float, limit: float, unit: str = "", **more: Any) -> Outcome:
    """Hold a number to a lower limit; as `at_most`."""
    return _judged(found, limit, unit, bound="at least", **more)


def _judged(  # noqa: PLR0913 (what a line says)
    found: float,
    limit: float,
    unit: str,
    *,
    bound: str,
    output: str | None = None,
    spare: int | None = None,
    counted: str = "sample",
) -> Outcome:
    """Compare at the six digits that validate records: what lies below them is noise."""
    found = float(f"{found:.6g}")
    margin = limit - found if bound == "at most" else found - limit
    place = f" at output {output!r}" if output else ""
    passed = margin >= 0  # NaN, which is nothing measured, is not
    spare = samples.floor_to_verdict(spare, passed=passed)
    expected = f"expected {bound} {limit:.6g}{samples.format_margin(spare, counted)}"
    return Outcome(
        passed=passed,
        found=_finite(found),
        limit=limit,
        told=f"found {_told(found, unit)}{place}; {expected}",
        margin=_finite(margin),
        output=output,
        margin_samples=spare,
        counted=counted,
    )


def _told(found: float, unit: str) -> str:
    if math.isnan(found):
        return "no measurable value"
    return "no error at all" if unit == " dB" and found == math.inf else f"{found:.6g}{unit}"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def not_applicable(limit: float, reason: str) -> Outcome:
    """Say why the question does not arise."""
    return Outcome(passed=True, found=None, limit=limit, told=f"absent: {reason}", absent=True)
