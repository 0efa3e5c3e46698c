"""How much calibration decides: one variant, calibrated on several random subsets."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Calibration, Selection
from litemill.conversion.option_conflicts import needs_calibration
from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litemill.config.schema.variant import Variant
    from litemill.improve.subject import ImprovedVariant
    from litemill.improve.trial import Trial
    from litemill.improve.trial_runner import TrialRunner

DIGITS = 6  # significant


def calibration_subsets(
    variant: Variant, count: int, samples: int | None, there: int
) -> list[tuple[str, Variant]]:
    """Give the variant calibrated on random subsets, by the seeds 0 to `count` - 1.

    Args:
        variant: the variant.
        count: of subsets.
        samples: in each; None is as many as the variant takes.
        there: how many the calibration split has.

    Raises:
        ConfigError: the variant takes no samples, or there are no different subsets.
    """
    if not needs_calibration(variant):
        told = "takes no calibration samples"
        raise ConfigError("sensitivity", told, "expected an int8 or int16x8 variant, say")
    samples = variant.calibration.samples if samples is None else samples
    if not 1 <= samples < there:
        told = f"{samples} of {there} calibration samples"
        expected = f"expected 1 to {there - 1}, of which there are several subsets"
        raise ConfigError("--samples", told, expected)
    return [
        (f"seed {seed}", replace(variant, calibration=Calibration(samples, Selection.random, seed)))
        for seed in range(count)
    ]


def calibration_sensitivity(
    bench: TrialRunner, asked: ImprovedVariant, count: int, samples: int | None
) -> dict[str, Any]:
    """Calibrate on subsets and compare what comes of it.

    Returns:
        `variant` as it is, and the `subsets`, as rows; the `spread` of each of their numbers; and
        for each limit the `margins`: the variant's own, and how far the subsets are apart.
    """
    ways = calibration_subsets(
        asked.variant, count, samples, int(bench.inputs.calibration["samples"])
    )
    whole, *trials = bench.trials([("as it is", asked.variant), *ways])
    rows = [_row(trial) for trial in trials]
    keys = ("metric", "drop", "snr_db", "top1_agreement")
    return {
        "variant": asked.name,
        "samples": ways[0][1].calibration.samples,
        "as_it_is": _row(whole),
        "subsets": rows,
        "spread": {key: _spread([row[key] for row in rows]) for key in keys},
        "margins": _margins(whole, trials),
    }


def _row(trial: Trial) -> dict[str, Any]:
    """Give numbers of the default kernels; of several outputs the worst."""
    metric = trial.measured.get("metric") or {}
    ratios = [one["snr_db"] for one in (trial.measured.get("outputs") or {}).values()]
    shares = (trial.measured.get("top1_agreement") or {}).values()
    real = [ratio for ratio in ratios if ratio is not None]
    return {
        "calibration": trial.what,
        "metric": metric.get("variant"),
        "drop": metric.get("drop"),
        "snr_db": min(real, default=None),
        "top1_agreement": min(shares, default=None),
        "passed": trial.passed,
        "verdict": trial.verdict(),
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    real = [value for value in values if value is not None]
    if not real:
        return None
    told = {
        "min": min(real),
        "median": statistics.median(real),
        "max": max(real),
        "deviation": statistics.stdev(real) if len(real) > 1 else 0.0,
    }
    return {key: float(f"{value:.{DIGITS}g}") for key, value in told.items()}


def _margins(whole: Trial, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Give each check with a limit: its margin as the variant is, and the range over subsets."""
    found = []
    for name, outcome in whole.outcomes.items():
        if outcome.margin is None or outcome.limit is None or name == "finite":
            continue
        others = [one.outcomes[name].found for one in trials if name in one.outcomes]
        real = [value for value in others if value is not None]
        if not real:
            continue
        apart = float(f"{max(real) - min(real):.{DIGITS}g}")
        found.append(
            {
                "check": name,
                "limit": outcome.limit,
                "margin": outcome.margin,
                "apart": apart,
                "larger": apart > abs(outcome.margin),
            }
        )
    return found
