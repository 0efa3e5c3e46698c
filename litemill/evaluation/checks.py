"""The checks: what the gate demands of a variant.

This module is the registry. Every public function of `(measured, limit)` is a check, and its name
is the key of its limit in conf/limits/; a null limit switches it off. Every public function of
`(measured)` alone is a check that is always on. `measured` is what `validate` wrote for one
variant. Where a model has several outputs, the worst one counts and is named. A project's own
checks are such functions in modules of its checks/ folder (`litemill.evaluation.own_checks`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.evaluation import margins
from litemill.evaluation.latency import slowest_outcome
from litemill.evaluation.lost_channels import describe_lost
from litemill.evaluation.outcome import Outcome, at_least, at_most, not_applicable
from litemill.evaluation.own_checks import ALWAYS_ON, WITH_LIMIT, load_own_checks, own_check_names
from litemill.evaluation.worst_case import (
    USE_CONFIDENCE_BOUND,
    worst_of_interval,
    worst_over_kernels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Measured = dict[str, Any]
NO_NPU = "nothing is compiled for the target"
NO_INTERPRETER = "the target has no interpreter of its own"
# Correct float32 files have 105 dB and more. What is nearer than this differs by rounding alone.
ROUNDING_DB = 100.0


def check_names(project: Path = Path()) -> list[str]:
    """List the checks that take a limit, those of the project among them.

    Raises:
        ConfigError: a check of the project has a name that is taken.
    """
    return sorted([*_public(WITH_LIMIT), *own_check_names(project, builtin_names())[WITH_LIMIT]])


def builtin_names() -> list[str]:
    """List the checks of Litemill: those that take a limit, and those that are always on."""
    return sorted([*_public(WITH_LIMIT), *_public(ALWAYS_ON), USE_CONFIDENCE_BOUND])


def run_checks(
    measured: Measured, limits: Mapping[str, Any], project: Path = Path()
) -> dict[str, Outcome]:
    """Run every check that is on, and return its outcome by name.

    A file that does not run fails `runs`, and no other check is run. Of several sets of kernels
    the worst one is judged, check by check.

    Args:
        measured: what validate wrote for the variant.
        limits: by name of check; null is off. Where `use_confidence_bound` is true, the metric is
            replaced by the worse end of its interval.
        project: the folder of the project, whose own checks count too.

    Raises:
        KeyError: a limit has no check; configure refuses these.
    """
    if measured.get("error"):
        return {"runs": runs(measured)}
    own = load_own_checks(project, builtin_names())
    with_limit = {**_public(WITH_LIMIT), **own[WITH_LIMIT]}
    active: dict[str, Callable[[Measured], Outcome]] = {**_public(ALWAYS_ON), **own[ALWAYS_ON]}
    for name, limit in limits.items():
        if limit is not None and name != USE_CONFIDENCE_BOUND:
            active[name] = partial(with_limit[name], limit=limit)
    if limits.get(USE_CONFIDENCE_BOUND):
        measured = worst_of_interval(measured)
    return {name: worst_over_kernels(active[name], measured) for name in sorted(active)}


def runs(measured: Measured) -> Outcome:
    """The file loads, takes every sample and answers, under every set of kernels. Always on.

    Where it is compiled for an NPU, the compiler succeeds and puts something on the NPU.
    """
    expectation = "expected a model that runs"
    errors = {None: measured.get("error") or (measured.get("compile") or {}).get("error")}
    errors |= {name: run["error"] for name, run in (measured.get("kernels") or {}).items()}
    for kernels, error in errors.items():
        if error:
            place = f" at kernels {kernels!r}" if kernels else ""
            observation = f"found an error ({error}){place}"
            return Outcome(
                passed=False,
                found=None,
                limit=None,
                observation=observation,
                expectation=expectation,
                kernels=kernels,
            )
    return Outcome(
        passed=True,
        found=None,
        limit=None,
        observation="found answers to every sample",
        expectation=expectation,
    )


def finite(measured: Measured) -> Outcome:
    """No output is NaN or infinite on any sample. Always on."""
    output, count = _worst_output(_by_output(measured, "non_finite"), max)
    return at_most(count, 0, " NaN or infinite values", output=output)


def size_bytes(measured: Measured, limit: float) -> Outcome:
    """The file has at most this many bytes."""
    return at_most(measured["bytes"], limit, " bytes")


def metric_drop(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this much worse than the source model's, in its own unit."""
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    spare = margins.samples_until_drop(metric, limit)
    return at_most(_number(metric["drop"]), limit, _interval_end(metric), spare=spare)


def metric_drop_relative(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at most this share worse than the source model's (0.01 is 1 %).

    An error near zero is a yardstick of no length: where outputs differ by rounding alone, so does
    the error, and its share of next to nothing says nothing.
    """
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    drop, source = _number(metric["drop"]), abs(_number(metric["source"]))
    share = drop / source if source else (0.0 if drop <= 0 else drop * math.inf)
    if share > limit and not metric.get("counts") and _differs_by_rounding(measured):
        return at_most(0.0, limit, " of the source's metric: outputs differ by rounding alone")
    spare = margins.samples_until_drop(metric, limit * source)
    return at_most(share, limit, f" of the source's metric{_interval_end(metric)}", spare=spare)


def metric_min(measured: Measured, limit: float) -> Outcome:
    """The task's metric is at least this good: at least, or at most where less is better."""
    metric = measured.get("metric")
    if not metric:
        return not_applicable(limit, "the task has no metric")
    unit = f" ({metric['name']}){_interval_end(metric)}"
    if metric["goal"] == "minimize":
        return at_most(_number(metric["variant"]), limit, unit)
    spare = margins.samples_above_minimum(metric.get("counts"), limit)
    best = 1.0 if metric.get("counts") else 0.0
    return at_least(_number(metric["variant"]), limit, unit, spare=spare, best=best)


def per_class_drop(measured: Measured, limit: float) -> Outcome:
    """The metric of no class is worse than the source model's by more than this."""
    rows = measured.get("per_class")
    if not rows:
        return not_applicable(limit, "the metric has no classes")
    drops = {row["class"]: _number(row["drop"]) for row in rows}
    name, drop = _worst(drops, max)
    of = next(row["samples"] for row in rows if row["class"] == name)
    counts = (measured.get("metric") or {}).get("counts")
    spare = margins.samples_of_share(limit - drop, of) if counts else None
    return at_most(drop, limit, f" in class {name!r}", spare=spare)


def top1_agreement(measured: Measured, limit: float) -> Outcome:
    """At least this share of samples gets the same top class as from the source model."""
    agreement = measured.get("top1_agreement")
    if not agreement:
        return not_applicable(limit, "the task has no classes")
    output, share = _worst_output(agreement, min)
    counts = (measured.get("agreement_samples") or {}).get(output or next(iter(agreement)))
    spare = margins.samples_above_agreement(counts, limit)
    counted = margins.unit_name(counts["of"], measured.get("samples")) if counts else "sample"
    return at_least(share, limit, output=output, spare=spare, counted=counted, best=1.0)


def kernel_disagreement(measured: Measured, limit: float) -> Outcome:
    """At most this share of samples gets another top class from other kernels of the runtime."""
    kernel_runs = measured.get("kernels") or {}
    shares = {
        (kernels, output): count / run["agreement_samples"][output]["of"]
        for kernels, run in kernel_runs.items()
        for output, count in (run["flips"] or {}).items()
    }
    if not shares:
        return not_applicable(limit, "the task has no classes, or no kernels were compared")
    kernels, output = max(shares, key=lambda key: shares[key])
    share, run = shares[kernels, output], kernel_runs[kernels]
    of = run["agreement_samples"][output]["of"]
    outcome = at_most(
        share,
        limit,
        f" of the answers at kernels {kernels!r}" if share else "",
        output=output if len(run["flips"]) > 1 else None,
        spare=margins.samples_of_share(limit - share, of),
        counted=margins.unit_name(of, run["samples"]),
    )
    return replace(outcome, kernels=kernels if share else None)


def target_disagreement(measured: Measured, limit: float) -> Outcome:
    """At most this share of samples gets another top class from the target's own interpreter."""
    if not (target := measured.get("target")):
        return not_applicable(limit, NO_INTERPRETER)
    kernels = {target["kernels"]: (measured.get("kernels") or {})[target["kernels"]]}
    return kernel_disagreement({**measured, "kernels": kernels}, limit)


def arena_bytes(measured: Measured, limit: float) -> Outcome:
    """The smallest arena that works in TensorFlow Lite Micro has at most this many bytes.

    Pointers have 64 bits where it is measured: an upper estimate for devices with 32.
    """
    if not (target := measured.get("target")):
        return not_applicable(limit, NO_INTERPRETER)
    smallest = (target.get("arena") or {}).get("smallest")
    return _with_advice(at_most(_number(smallest), limit, " bytes of arena"), target["advice"])


def flash_bytes(measured: Measured, limit: float) -> Outcome:
    """What is stored on the target has at most this many bytes: the model, and no code."""
    if not (target := measured.get("target")):
        return not_applicable(limit, NO_INTERPRETER)
    stored = (measured.get("compile") or {}).get("bytes") or measured["bytes"]
    return _with_advice(at_most(stored, limit, " bytes of flash"), target["advice"])


def npu_share(measured: Measured, limit: float) -> Outcome:
    """At least this share of the operators runs on the NPU."""
    if not (compiled := measured.get("compile")):
        return not_applicable(limit, NO_NPU)
    reasons = [
        f"On the CPU: {op['operator']} ({op['reason']})" for op in compiled.get("on_cpu", ())
    ]
    share = _number(compiled.get("npu_share"))
    outcome = at_least(share, limit, " of the operators on the NPU", best=1.0)
    return _with_advice(outcome, reasons[:1])


def npu_sram_bytes(measured: Measured, limit: float) -> Outcome:
    """The NPU takes at most this many bytes of SRAM, by Vela's estimate."""
    if not (compiled := measured.get("compile")):
        return not_applicable(limit, NO_NPU)
    return at_most(_number(compiled.get("sram_bytes")), limit, " bytes of SRAM by Vela's estimate")


def npu_ms(measured: Measured, limit: float) -> Outcome:
    """An inference takes at most this many milliseconds, by Vela's estimate."""
    if not (compiled := measured.get("compile")):
        return not_applicable(limit, NO_NPU)
    return at_most(_number(compiled.get("ms")), limit, " ms by Vela's estimate")


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
    output, error = _worst_output(_by_output(measured, "max_abs_error"), max)
    return at_most(error, limit, output=output)


def mean_abs_error(measured: Measured, limit: float) -> Outcome:
    """Values are on average at most this far from the source model's, in the output's own unit."""
    output, error = _worst_output(_by_output(measured, "mean_abs_error"), max)
    return at_most(error, limit, output=output)


def cosine_similarity(measured: Measured, limit: float) -> Outcome:
    """Outputs point the same way as the source model's: 1 is the same direction."""
    output, similarity = _worst_output(_by_output(measured, "cosine_similarity"), min)
    return at_least(similarity, limit, output=output, best=1.0)


def lost_channels(measured: Measured, limit: float) -> Outcome:
    """At most this many channels vary in the source, and are constant or noise in the file."""
    outputs = measured.get("channels") or {}
    if not any(channels["count"] for channels in outputs.values()):
        return not_applicable(limit, "no channel has enough values")
    counts = {name: float(channels["lost"]) for name, channels in outputs.items()}
    name, count = _worst(counts, max)
    reason = f" ({describe_lost(outputs[name]['worst'], int(count))})" if count else ""
    output = name if len(outputs) > 1 else None
    outcome = at_most(count, limit, f" channels{reason}", output=output)
    # Where none may be lost, none is lost or some are: no limit that a variant comes close to.
    return replace(outcome, margin=None, margin_share=None) if limit == 0 else outcome


def channel_snr_db(measured: Measured, limit: float) -> Outcome:
    """The noise of every channel that varies is this many decibels below its variation."""
    outputs = measured.get("channels") or {}
    worst = {
        name: min((row["snr_db"] for row in rows if row["snr_db"] is not None), default=math.inf)
        for name, channels in outputs.items()
        if (rows := channels["worst"])
    }
    if not worst:
        return not_applicable(limit, "no channel varies")
    output, ratio = _worst_output(worst, min)
    return at_least(ratio, limit, " dB", output=output)


def latency_ms(measured: Measured, limit: Mapping[str, Mapping[str, float]]) -> Outcome:
    """A call takes at most so many milliseconds, by machine and percentile, as in measured/.

    A machine without a result for these very bytes fails: nobody knows how fast the file is there.
    """
    return slowest_outcome(measured.get("latency") or {}, limit)


def _with_advice(outcome: Outcome, advice: list[str]) -> Outcome:
    expectation = ". ".join([outcome.expectation, *advice])
    return outcome if outcome.passed else replace(outcome, expectation=expectation)


def _public(arguments: tuple[str, ...]) -> dict[str, Callable[..., Outcome]]:
    """Find the public functions of this module that take exactly these arguments."""
    return {
        name: value
        for name, value in globals().items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == __name__
        and (code := getattr(value, "__code__", None))
        and code.co_varnames[: code.co_argcount] == arguments
    }


def _by_output(measured: Measured, key: str) -> dict[str, float]:
    return {name: _number(output[key]) for name, output in measured["outputs"].items()}


def _differs_by_rounding(measured: Measured) -> bool:
    return all(
        output["max_abs_error"] == 0
        or (output["snr_db"] is not None and output["snr_db"] >= ROUNDING_DB)
        for output in measured["outputs"].values()
    )


def _number(value: float | None) -> float:
    """Take a number that could not be measured, on outputs without a finite value, for NaN."""
    return math.nan if value is None else float(value)


def _worst(values: Mapping[str, float], choose: Callable[..., str]) -> tuple[str, float]:
    """Find the worst by name; what could not be measured is worse than all that could."""
    unmeasured = [name for name, value in values.items() if math.isnan(value)]
    name = unmeasured[0] if unmeasured else choose(values, key=lambda name: values[name])
    return name, values[name]


def _worst_output(
    values: Mapping[str, float], choose: Callable[..., str]
) -> tuple[str | None, float]:
    """Find the worst output; its name is returned only where there are several."""
    name, value = _worst(values, choose)
    return (name if len(values) > 1 else None), value


def _interval_end(metric: Mapping[str, Any]) -> str:
    if not metric.get(USE_CONFIDENCE_BOUND):
        return ""
    return f" at the worse end of the {metric['confidence']:.0%} interval"
