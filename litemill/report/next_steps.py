"""What to do after reading a report: each step with its reason, and a command if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.report.highlights import closest_check, margin_text
from litemill.report.verdict import failed_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]
# What other options, calibration samples or float layers can mend. The others want a smaller file,
# another target, or another measurement.
MENDED = (
    *("snr_db", "channel_snr_db", "cosine_similarity", "max_abs_error", "mean_abs_error"),
    *("lost_channels", "top1_agreement", "kernel_disagreement", "target_disagreement"),
    *("metric_drop", "metric_drop_relative", "metric_min", "per_class_drop"),
)
MOST = 4  # failed variants that are named
CLOSE = 0.25  # of what a limit allows: where less is left, the next build may fail


@dataclass(frozen=True)
class NextStep:
    """A step: what to do and why, and the command that does it; empty where there is none."""

    text: str
    command: str = ""


def next_steps(report: dict[str, Any]) -> list[NextStep]:
    """Return what to do next, the most important first."""
    failed = [row for row in report["variants"] if not row["passed"]]
    if failed:
        steps = [_mend(row, report) for row in failed[:MOST]]
        further = len(failed) - MOST
        return steps + ([NextStep(f"{further} more variants failed.")] if further > 0 else [])
    return list(_ship(report))


def _mend(row: Row, report: dict[str, Any]) -> NextStep:
    """Name the checks that a variant failed, the cause where it was found, and the command."""
    if row["error"]:
        return NextStep(
            f"{row['variant']} does not run: {row['error']}. Look at what is in the file:",
            f"litemill inspect build/convert/{row['variant']}/model.tflite",
        )
    names = [check.check for check in failed_checks(report) if check.variant == row["variant"]]
    advice = f" The layers say: {row['advice'][0]}." if row["advice"] else ""
    text = f"{row['variant']} fails {', '.join(names)}.{advice}"
    if any(name in MENDED for name in names):
        return NextStep(
            f"{text} Search for options that pass:", f"litemill improve {row['variant']}"
        )
    files = f"conf/variant/{row['variant']}.yaml"
    if row["target"]:
        files += f" or conf/target/{row['target']['name']}.yaml"
    return NextStep(f"{text} Change its options or its limits in {files}.")


def _ship(report: dict[str, Any]) -> Iterator[NextStep]:
    for row in report["variants"]:
        name = closest_check(row)
        if name in MENDED and (row["checks"][name]["margin_share"] or 0) < CLOSE:
            left = margin_text(row["checks"][name])
            yield NextStep(
                f"{row['variant']} passes {name} by {left} only. Measure what other calibration"
                " samples would change:",
                f"litemill sensitivity {row['variant']}",
            )
            break
    if not report["machines"]:
        unknown = "No speed was measured. Measure it where the files will run:"
        yield NextStep(unknown, "litemill benchmark")
    yield NextStep("Put this build into one archive:", "litemill release --remember")
