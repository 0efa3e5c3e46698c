"""The outcome of a check: a number held to its limit, and the line that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from litemill.evaluation import margins


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check.

    Attributes:
        passed: whether the variant may ship as far as this check goes.
        found: the judged number; None when it is absent, or when there is no finite one.
        limit: the number it was held to; None where there is none.
        observation: what was found, in words: "found 18 dB at output 'digit'".
        expectation: what was expected, in words; empty where the check does not apply.
        margin: how far `found` is on the good side of `limit`, in the unit of both; below 0 when
            the check failed.
        output: which output was judged, where a model has several.
        kernels: under which kernels it was worse than under the default ones.
        margin_samples: the margin as a number of samples, where the check counts samples: so many
            more may go wrong, or below 0, so many are too many.
        counted: what it counts: "sample", or "answer" where a sample has several.
        margin_share: the margin as a share of all that the limit allows: 1 where nothing of it is
            used, 0 at the limit, below 0 beyond it. Comparable between checks. None where the limit
            is the best value that there is: nothing comes close to it.
        absent: the check does not apply, as for a metric where there are no targets.
    """

    passed: bool
    found: float | None
    limit: float | None
    observation: str
    expectation: str = ""
    margin: float | None = None
    output: str | None = None
    kernels: str | None = None
    margin_samples: int | None = None
    counted: str = "sample"
    absent: bool = False
    margin_share: float | None = None

    @property
    def message(self) -> str:
        """The line that people read."""
        return "; ".join(part for part in (self.observation, self.expectation) if part)

    def at(self, place: str) -> Outcome:
        """Return the same outcome, observed at a place: " at kernels 'reference'"."""
        return replace(self, observation=f"{self.observation} {place}")

    def as_json(self) -> dict[str, Any]:
        """Return the fields as report.json has them, with the message as "message"."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        del values["observation"], values["expectation"]
        return {**values, "message": self.message}


def at_most(found: float, limit: float, unit: str = "", **details: Any) -> Outcome:
    """Hold a number to an upper limit.

    `details` are `output`; `spare`, the margin in samples; `counted`, where it counts answers; and
    `best`, the best value that there is, from which the limit allows a distance.
    """
    return _compare(found, limit, unit, bound="at most", **details)


def at_least(found: float, limit: float, unit: str = "", **details: Any) -> Outcome:
    """Hold a number to a lower limit; as `at_most`."""
    return _compare(found, limit, unit, bound="at least", **details)


def _compare(  # noqa: PLR0913 (what a line says)
    found: float,
    limit: float,
    unit: str,
    *,
    bound: str,
    output: str | None = None,
    spare: int | None = None,
    counted: str = "sample",
    best: float | None = None,
) -> Outcome:
    """Compare at the six digits that validate records: what lies below them is noise."""
    found = float(f"{found:.6g}")
    margin = limit - found if bound == "at most" else found - limit
    place = f" at output {output!r}" if output else ""
    passed = margin >= 0  # NaN, which is nothing measured, is not
    spare = margins.floor_to_verdict(spare, passed=passed)
    return Outcome(
        passed=passed,
        found=_finite(found),
        limit=limit,
        observation=f"found {_with_unit(found, unit)}{place}",
        expectation=f"expected {bound} {limit:.6g}{margins.format_margin(spare, counted)}",
        margin=_finite(margin),
        output=output,
        margin_samples=spare,
        counted=counted,
        margin_share=None if best == limit else _finite(_margin_share(margin, limit, best)),
    )


def _margin_share(margin: float, limit: float, best: float | None) -> float:
    """Return a margin as a share of what a limit allows; of a limit that allows nothing, 0 or 1."""
    if allowed := abs(limit - (best or 0.0)):
        return margin / allowed
    return 0.0 if margin == 0 else math.copysign(1.0, margin)


def _with_unit(found: float, unit: str) -> str:
    if math.isnan(found):
        return "no measurable value"
    return "no error at all" if unit == " dB" and found == math.inf else f"{found:.6g}{unit}"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def not_applicable(limit: float, reason: str) -> Outcome:
    """Pass a check that does not apply, and say why it does not."""
    return Outcome(
        passed=True, found=None, limit=limit, observation=f"absent: {reason}", absent=True
    )
