"""The checks: what validation asks of a variant.

This module is the registry. Every public function of `(measured, limit)` is a check, and its name
is the key of its limit in conf/limits/; a null limit switches it off. Every public function of
`(measured)` alone is a check that is always on. `measured` is what `validate` wrote for one
variant. Where a model has several outputs, the worst one counts and is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Measured = dict[str, Any]


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
    absent: bool = False


def known() -> list[str]:
    """Give the names of the checks that take a limit."""
    return sorted(_public("measured", "limit"))


def judge(measured: Measured, limits: Mapping[str, float | None]) -> dict[str, Outcome]:
    """Ask every check that is on, and give its outcome by name.

    A file that does not run fails `runs`, and nothing else is asked of it. Of several sets of
    kernels the worst one is judged, check by check.

    Args:
        measured: what validate wrote for the variant.
        limits: by name of check; null is off.

    Raises:
        KeyError: a limit has no check; configure refuses these.
    """
    if measured.get("error"):
        return {"runs": runs(measured)}
    asks: dict[str, Callable[[Measured], Outcome]] = dict(_public("measured"))
    checks = _public("measured", "limit")
    for name, limit in limits.items():
        if limit is not None:
            asks[name] = partial(checks[name], limit=limit)
    return {name: _at_worst(asks[name], measured) for name in sorted(asks)}


def runs(measured: Measured) -> Outcome:
    """The file loads, takes every evaluation sample and answers. Always on."""
    error = measured.get("error")
    told = f"found an error ({error})" if error else "found answers to every sample"
    return Outcome(not error, None, None, f"{told}; expected a model that runs")


def finite(measured: Measured) -> Outcome:
    """No output is NaN or infinite on any sample. Always on."""
    output, count = _worst(_of_outputs(measured, "non_finite"), max)
    return _at_most(count, 0, " NaN or infinite values", output=output)


def size_bytes(measured: Measured, limit: float) -> Outcome:
    """The file has at most this many bytes."""
    return _at_most(measured["bytes"], limit, " bytes")


def metric_drop(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this much worse than the source model's, in its own unit."""
    metric = measured.get("metric")
    return _at_most(metric["drop"], limit) if metric else _absent(limit, "the task has no metric")


def metric_drop_relative(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this share worse than the source model's (0.01 is 1 %)."""
    metric = measured.get("metric")
    if not metric:
        return _absent(limit, "the task has no metric")
    drop, source = metric["drop"], abs(metric["source"])
    share = drop / source if source else (math.inf if drop > 0 else 0.0)
    return _at_most(share, limit, " of the source's metric")


def metric_min(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at least this good: at least, or at most where less is better."""
    metric = measured.get("metric")
    if not metric:
        return _absent(limit, "the task has no metric")
    judged = _at_most if metric["goal"] == "minimize" else _at_least
    return judged(metric["variant"], limit, f" ({metric['name']})")


def top1_agreement(measured: Measured, limit: float) -> Outcome:
    """At least this share of samples gets the same top class as from the source model."""
    agreement = measured.get("top1_agreement")
    if not agreement:
        return _absent(limit, "the task has no classes")
    output, share = _worst(agreement, min)
    return _at_least(share, limit, output=output)


def snr_db(measured: Measured, limit: float) -> Outcome:
    """Outputs differ from the source model's by noise at least this many decibels below them."""
    ratios = {
        name: math.inf
        if output["snr_db"] is None and output["max_abs_error"] == 0
        else _number(output["snr_db"])
        for name, output in measured["outputs"].items()
    }
    output, ratio = _worst(ratios, min)
    return _at_least(ratio, limit, " dB", output=output)


def max_abs_error(measured: Measured, limit: float) -> Outcome:
    """No value is further than this from the source model's, in the output's own unit."""
    output, error = _worst(_of_outputs(measured, "max_abs_error"), max)
    return _at_most(error, limit, output=output)


def mean_abs_error(measured: Measured, limit: float) -> Outcome:
    """Values are on average at most this far from the source model's, in the output's own unit."""
    output, error = _worst(_of_outputs(measured, "mean_abs_error"), max)
    return _at_most(error, limit, output=output)


def cosine_similarity(measured: Measured, limit: float) -> Outcome:
    """Outputs point the same way as the source model's: 1 is the same direction."""
    output, similarity = _worst(_of_outputs(measured, "cosine_similarity"), min)
    return _at_least(similarity, limit, output=output)


def latency_ms(measured: Measured, limit: Mapping[str, Mapping[str, float]]) -> Outcome:
    """A call takes at most so many milliseconds, by machine and percentile, as measured/ tells.

    A machine without a result for these very bytes fails: nobody knows how fast the file is there.
    """
    results = measured.get("latency") or {}
    outcomes = [
        outcome
        for machine, asked in sorted(limit.items())
        for outcome in _latencies(machine, asked, results.get(machine))
    ]
    slowest = min(outcomes, key=lambda one: (one.passed, (one.margin or 0) / (one.limit or 1)))
    return next((one for one in outcomes if one.found is None), slowest)


def _latencies(
    machine: str, asked: Mapping[str, float], result: Measured | None
) -> Iterator[Outcome]:
    """Judge one machine: each percentile, with the number of threads that the limit names."""
    place, wanted = f"machine {machine!r}", asked.get("threads")
    if not result or not result["current"]:
        found = "a result for other bytes" if result else "no result"
        told = f"found {found} of {place}; expected one of these bytes: run `litemill benchmark`"
        yield Outcome(False, None, None, f"{told} there and commit measured/{machine}.json")  # noqa: FBT003
        return
    runs = [one for one in result["threads"] if wanted in (None, one["threads"])]
    if not runs:
        told = f"found no result of {place} with {wanted} threads; expected one in measured/"
        yield Outcome(False, None, None, told)  # noqa: FBT003
        return
    for name, limit in asked.items():
        if name != "threads":
            one = _at_most(runs[0]["latency_ms"][name], limit, f" ms {name}")
            yield replace(one, told=one.told.replace(";", f" of {place};", 1))


def _at_worst(ask: Callable[[Measured], Outcome], measured: Measured) -> Outcome:
    """Ask of every set of kernels, and give the worst outcome; the default's where none is."""
    worst = ask(measured)
    for kernels, found in (measured.get("kernels") or {}).items():
        if found["error"] and ask is not runs:
            continue  # that it does not run says it all
        outcome = ask({**measured, **found})
        if _worse(outcome, worst):
            told, semicolon, rest = outcome.told.rpartition(";")
            told = f"{told} at kernels {kernels!r}{semicolon}{rest}"
            worst = replace(outcome, kernels=kernels, told=told)
    return worst


def _worse(one: Outcome, other: Outcome) -> bool:
    if one.passed != other.passed:
        return other.passed
    if one.margin is None or other.margin is None:
        return False
    return one.margin < other.margin


def _public(*arguments: str) -> dict[str, Callable[..., Outcome]]:
    """Find the public functions of this module that take exactly these arguments."""
    return {
        name: value
        for name, value in globals().items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == __name__
        and (code := getattr(value, "__code__", None))
        and code.co_varnames[: code.co_argcount] == arguments
    }


def _of_outputs(measured: Measured, key: str) -> dict[str, float]:
    return {name: _number(output[key]) for name, output in measured["outputs"].items()}


def _number(value: float | None) -> float:
    """Take a number that could not be measured, on outputs without a finite value, for NaN."""
    return math.nan if value is None else float(value)


def _worst(by_output: Mapping[str, float], choose: Callable[..., str]) -> tuple[str | None, float]:
    """Find the worst output; its name is told only where there are several."""
    unmeasured = [name for name, value in by_output.items() if math.isnan(value)]
    name = unmeasured[0] if unmeasured else choose(by_output, key=lambda name: by_output[name])
    return (name if len(by_output) > 1 else None), by_output[name]


def _at_most(found: float, limit: float, unit: str = "", *, output: str | None = None) -> Outcome:
    return _judged(found, limit, unit, bound="at most", output=output)


def _at_least(found: float, limit: float, unit: str = "", *, output: str | None = None) -> Outcome:
    return _judged(found, limit, unit, bound="at least", output=output)


def _judged(found: float, limit: float, unit: str, *, bound: str, output: str | None) -> Outcome:
    """Compare at the six digits that validate records: what lies below them is noise."""
    found = float(f"{found:.6g}")
    margin = limit - found if bound == "at most" else found - limit
    place = f" at output {output!r}" if output else ""
    return Outcome(
        passed=margin >= 0,  # NaN, which is nothing measured, is not
        found=_finite(found),
        limit=limit,
        told=f"found {_told(found, unit)}{place}; expected {bound} {limit:.6g}",
        margin=_finite(margin),
        output=output,
    )


def _told(found: float, unit: str) -> str:
    if math.isnan(found):
        return "no measurable value"
    return "no error at all" if unit == " dB" and found == math.inf else f"{found:.6g}{unit}"


def _finite(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _absent(limit: float, reason: str) -> Outcome:
    return Outcome(passed=True, found=None, limit=limit, told=f"absent: {reason}", absent=True)
