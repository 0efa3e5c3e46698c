"""The checks: what validation asks of a variant.

This module is the registry. Every public function of `(measured, limit)` is a check, and its name
is the key of its limit in conf/limits/; a null limit switches it off. Every public function of
`(measured)` alone is a check that is always on. `measured` is what `validate` wrote for one
variant. Where a model has several outputs, the worst one counts and is named.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from litemill.evaluation import margins as samples
from litemill.evaluation.latency import slowest_outcome
from litemill.evaluation.outcome import Outcome, at_least, at_most, not_applicable
from litemill.evaluation.worst_case import (
    USE_CONFIDENCE_BOUND,
    worst_of_interval,
    worst_over_kernels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Measured = dict[str, Any]


def check_names() -> list[str]:
    """Give the names of the checks that take a limit."""
    return sorted(_public("measured", "limit"))


def run_checks(measured: Measured, limits: Mapping[str, float | None]) -> dict[str, Outcome]:
    """Ask every check that is on, and give its outcome by name.

    A file that does not run fails `runs`, and nothing else is asked of it. Of several sets of
    kernels the worst one is judged, check by check.

    Args:
        measured: what validate wrote for the variant.
        limits: by name of check; null is off. Where `use_confidence_bound` is true, the metric is taken for
            the worse end of its interval.

    Raises:
        KeyError: a limit has no check; configure refuses these.
    """
    if measured.get("error"):
        return {"runs": runs(measured)}
    asks: dict[str, Callable[[Measured], Outcome]] = dict(_public("measured"))
    checks = _public("measured", "limit")
    if limits.get(USE_CONFIDENCE_BOUND):
        measured = worst_of_interval(measured)
    for name, limit in limits.items():
        if limit is not None and name != USE_CONFIDENCE_BOUND:
            asks[name] = partial(checks[name], limit=limit)
    return {name: worst_over_kernels(asks[name], measured) for name in sorted(asks)}


def runs(measured: Measured) -> Outcome:
    """The file loads, takes every sample and answers, under every set of kernels. Always on."""
    errors = {None: measured.get("error")}
    errors |= {name: found["error"] for name, found in (measured.get("kernels") or {}).items()}
    told, expected = "found answers to every sample", "expected a model that runs"
    for kernels, error in errors.items():
        if error:
            place = f" at kernels {kernels!r}" if kernels else ""
            told = f"found an error ({error}){place}"
            told = f"{told}; {expected}"
            return Outcome(passed=False, found=None, limit=None, told=told, kernels=kernels)
    return Outcome(passed=True, found=None, limit=None, told=f"{told}; {expected}")


def finite(measured: Measured) -> Outcome:
    """No output is NaN or infinite on any sample. Always on."""
    output, count = _worst_output(_of_outputs(measured, "non_finite"), max)
    return at_most(count, 0, " NaN or infinite values", output=output)


def size_bytes(measured: Measured, limit: float) -> Outcome:
    """The file has at most this many bytes."""
    return at_most(measured["bytes"], limit, " bytes")


def metric_drop(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this much worse than the source model's, in its own unit."""
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    spare = samples.samples_until_drop(metric, limit)
    return at_most(_number(metric["drop"]), limit, _end(metric), spare=spare)


def metric_drop_relative(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this share worse than the source model's (0.01 is 1 %)."""
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    drop, source = _number(metric["drop"]), abs(_number(metric["source"]))
    share = drop / source if source else (0.0 if drop <= 0 else drop * math.inf)
    spare = samples.samples_until_drop(metric, limit * source)
    return at_most(share, limit, f" of the source's metric{_end(metric)}", spare=spare)


def metric_min(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at least this good: at least, or at most where less is better."""
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    unit = f" ({metric['name']}){_end(metric)}"
    if metric["goal"] == "minimize":
        return at_most(_number(metric["variant"]), limit, unit)
    spare = samples.samples_above_minimum(metric.get("counts"), limit)
    return at_least(_number(metric["variant"]), limit, unit, spare=spare)


def per_class_drop(measured: Measured, limit: float) -> Outcome:
    """The metric of no class is worse than the source model's by more than this."""
    rows = measured.get("per_class")
    if not rows:
        return not_applicable(limit, "the metric has no classes")
    drops = {row["class"]: _number(row["drop"]) for row in rows}
    name, drop = _worst(drops, max)
    of = next(row["samples"] for row in rows if row["class"] == name)
    counts = (measured.get("metric") or {}).get("counts")
    spare = samples.of_share(limit - drop, of) if counts else None
    return at_most(drop, limit, f" in class {name!r}", spare=spare)


def top1_agreement(measured: Measured, limit: float) -> Outcome:
    """At least this share of samples gets the same top class as from the source model."""
    agreement = measured.get("top1_agreement")
    if not agreement:
        return not_applicable(limit, "the task has no classes")
    output, share = _worst_output(agreement, min)
    counts = (measured.get("agreement_samples") or {}).get(output or next(iter(agreement)))
    spare = samples.samples_above_agreement(counts, limit)
    counted = samples.unit_name(counts["of"], measured.get("samples")) if counts else "sample"
    return at_least(share, limit, output=output, spare=spare, counted=counted)


def kernel_disagreement(measured: Measured, limit: float) -> Outcome:
    """At most this share of samples gets another top class from other kernels of the runtime."""
    flips = {
        (kernels, output): (count / found["agreement_samples"][output]["of"], found)
        for kernels, found in (measured.get("kernels") or {}).items()
        for output, count in (found["flips"] or {}).items()
    }
    if not flips:
        return not_applicable(limit, "the task has no classes, or no kernels were compared")
    kernels, output = max(flips, key=lambda one: flips[one][0])
    share, found = flips[kernels, output]
    of = found["agreement_samples"][output]["of"]
    spare, counted = samples.of_share(limit - share, of), samples.unit_name(of, found["samples"])
    named = output if len(found["flips"]) > 1 else None
    unit = f" of the answers at kernels {kernels!r}"
    told = {"output": named, "spare": spare, "counted": counted}
    outcome = at_most(share, limit, unit if share else "", **told)
    return replace(outcome, kernels=kernels if share else None)


def snr_db(measured: Measured, limit: float) -> Outcome:
    """Outputs differ from the source model's by noise at least this many decibels below them."""
    ratios = {
        name: math.inf
        if output["snr_db"] is None and output["max_abs_error"] == 0
        else _number(output["snr_db"])
        for name, output in measured["outputs"].items()
    }
    output, ratio = _worst_output(ratios, min)
    return at_least(ratio, limit, " dB", output=output)


def max_abs_error(measured: Measured, limit: float) -> Outcome:
    """No value is further than this from the source model's, in the output's own unit."""
    output, error = _worst_output(_of_outputs(measured, "max_abs_error"), max)
    return at_most(error, limit, output=output)


def mean_abs_error(measured: Measured, limit: float) -> Outcome:
    """Values are on average at most this far from the source model's, in the output's own unit."""
    output, error = _worst_output(_of_outputs(measured, "mean_abs_error"), max)
    return at_most(error, limit, output=output)


def cosine_similarity(measured: Measured, limit: float) -> Outcome:
    """Outputs point the same way as the source model's: 1 is the same direction."""
    output, similarity = _worst_output(_of_outputs(measured, "cosine_similarity"), min)
    return at_least(similarity, limit, output=output)


def latency_ms(measured: Measured, limit: Mapping[str, Mapping[str, float]]) -> Outcome:
    """A call takes at most so many milliseconds, by machine and percentile, as measured/ tells.

    A machine without a result for these very bytes fails: nobody knows how fast the file is there.
    """
    return slowest_outcome(measured.get("latency") or {}, limit)


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


def _worst(found: Mapping[str, float], choose: Callable[..., str]) -> tuple[str, float]:
    """Find the worst by name; what could not be measured is worse than all that could."""
    unmeasured = [name for name, value in found.items() if math.isnan(value)]
    name = unmeasured[0] if unmeasured else choose(found, key=lambda name: found[name])
    return name, found[name]


def _worst_output(
    found: Mapping[str, float], choose: Callable[..., str]
) -> tuple[str | None, float]:
    """Find the worst output; its name is told only where there are several."""
    name, value = _worst(found, choose)
    return (name if len(found) > 1 else None), value


def _end(metric: Mapping[str, Any]) -> str:
    if not metric.get(USE_CONFIDENCE_BOUND):
        return ""
    return f" at the use_confidence_bound end of {metric['confidence']:.0%}"
