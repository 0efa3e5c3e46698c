"""Measure how much calibration matters: one variant, calibrated on several random subsets."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Calibration, Selection
from litemill.conversion.option_conflicts import needs_calibration
from litemill.core.errors import ConfigError
from litemill.sweep.table import worst_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litemill.config.schema.variant import Variant
    from litemill.improve.subject import ImprovedVariant
    from litemill.improve.trial import Trial
    from litemill.improve.trial_runner import TrialRunner

DIGITS = 6  # significant


def calibration_subsets(
    variant: Variant, count: int, samples: int | None, available: int
) -> list[tuple[str, Variant]]:
    """Return the variant calibrated on random subsets, by the seeds 0 to `count` - 1.

    Args:
        variant: the variant.
        count: of subsets.
        samples: in each; None is as many as the variant takes.
        available: how many the calibration split has.

    Raises:
        ConfigError: the variant takes no samples, or there are no different subsets.
    """
    if not needs_calibration(variant):
        message = "takes no calibration samples"
        raise ConfigError("sensitivity", message, "expected an int8 or int16x8 variant, say")
    samples = variant.calibration.samples if samples is None else samples
    if not 1 <= samples < available:
        message = f"{samples} of {available} calibration samples"
        expected = f"expected 1 to {available - 1}, of which there are several subsets"
        raise ConfigError("--samples", message, expected)
    return [
        (f"seed {seed}", replace(variant, calibration=Calibration(samples, Selection.random, seed)))
        for seed in range(count)
    ]


def calibration_sensitivity(
    runner: TrialRunner, subject: ImprovedVariant, count: int, samples: int | None
) -> dict[str, Any]:
    """Calibrate on subsets and compare the results.

    Returns:
        `variant` as it is, and the `subsets`, as rows; the `spread` of each of their numbers; and
        for each limit the `margins`: the variant's own, and how far the subsets are apart.
    """
    subsets = calibration_subsets(
        subject.variant, count, samples, int(runner.inputs.calibration["samples"])
    )
    unchanged, *trials = runner.run([("as it is", subject.variant), *subsets])
    rows = [_row(trial) for trial in trials]
    keys = ("metric", "drop", "snr_db", "top1_agreement")
    return {
        "variant": subject.name,
        "samples": subsets[0][1].calibration.samples,
        "as_it_is": _row(unchanged),
        "subsets": rows,
        "spread": {key: _spread([row[key] for row in rows]) for key in keys},
        "margins": _margins(unchanged, trials),
    }


def _row(trial: Trial) -> dict[str, Any]:
    """Return numbers of the default kernels; of several outputs the worst."""
    numbers = worst_numbers(trial.measured)
    return {
        "calibration": trial.label,
        **{key: numbers[key] for key in ("metric", "drop", "snr_db")},
        "top1_agreement": numbers["agreement"],
        "passed": trial.passed,
        "verdict": trial.verdict(),
    }


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    spread = {
        "min": min(known),
        "median": statistics.median(known),
        "max": max(known),
        "deviation": statistics.stdev(known) if len(known) > 1 else 0.0,
    }
    return {key: float(f"{value:.{DIGITS}g}") for key, value in spread.items()}


def _margins(unchanged: Trial, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """List each check with a limit: its margin as the variant is, and the range over subsets."""
    rows = []
    for name, outcome in unchanged.outcomes.items():
        if outcome.margin is None or outcome.limit is None or name == "finite":
            continue
        others = [trial.outcomes[name].found for trial in trials if name in trial.outcomes]
        known = [value for value in others if value is not None]
        if not known:
            continue
        apart = float(f"{max(known) - min(known):.{DIGITS}g}")
        rows.append(
            {
                "check": name,
                "limit": outcome.limit,
                "margin": outcome.margin,
                "apart": apart,
                "larger": apart > abs(outcome.margin),
            }
        )
    return rows
