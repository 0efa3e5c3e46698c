"""What a variant loses, in a sentence for people who have not read the documentation."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
# Metrics whose names are a function's, in the words of those who ask for them.
WORDS = {"top1": "accuracy", "top_k": "top-k accuracy", "binary": "accuracy"}


def loss_sentence(row: Row, report: dict[str, Any]) -> str:
    """Write what a variant loses against the source model, and between what limits.

    `loses 0.1 points of accuracy, between 0 and 0.7 (95% interval)`; a point is a hundredth of a
    metric that is a share.
    """
    if row["error"]:
        return f"does not run: {row['error']}"
    if not report["metric"]:
        return _fidelity_sentence(row)
    metric = metric_words(report)
    if row["drop"] is None:
        return f"has no finite {metric}"
    if row["drop"] == 0:
        change = f"keeps the source model's {metric}"
    elif _is_share(row, report):
        change = f"{'loses' if row['drop'] > 0 else 'gains'} {loss_text(row, report)}"
    else:
        change = f"is {'worse' if row['drop'] > 0 else 'better'} by {loss_text(row, report)}"
    return ", ".join(part for part in (change, interval_text(row, report)) if part)


def decision(report: dict[str, Any]) -> str:
    """Say in one sentence what the smallest variant that passed costs; empty where none did."""
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        return ""
    row = min(passed, key=lambda row: row["bytes"])
    size = f"{row['size_kb']:.1f} KiB"
    if row["share"] and row["share"] < 1:
        size += f", {row['share']:.0%} of {report['baseline']},"
    which = f"The smallest that passes, {row['variant']}," if len(report["variants"]) > 1 else "It"
    return f"{which} has {size} and {loss_sentence(row, report)}."


def metric_words(report: dict[str, Any]) -> str:
    """Return the metric in words: `accuracy` for `top1`."""
    name = str(report["metric"]["name"])
    return WORDS.get(name, name.replace("_", " "))


def loss_text(row: Row, report: dict[str, Any]) -> str:
    """Write how much a variant loses or gains: `0.1 points of accuracy`."""
    unit = " points" if _is_share(row, report) else ""
    return f"{_short(abs(row['drop']) * _scale(row, report))}{unit} of {metric_words(report)}"


def interval_text(row: Row, report: dict[str, Any]) -> str:
    """Write the interval of a loss, whose end below 0 is a gain; empty where there is none."""
    if not row["interval"] or not any(row["interval"]["drop"]):
        return ""
    low, high = (end * _scale(row, report) for end in row["interval"]["drop"])
    level = f" ({row['confidence']:.0%} interval)"
    if low < 0 < high:
        return f"between a gain of {_short(-low)} and a loss of {_short(high)}{level}"
    if low < 0:
        return f"a gain between {_short(-high)} and {_short(-low)}{level}"
    return f"between {_short(low)} and {_short(high)}{level}"


def _is_share(row: Row, report: dict[str, Any]) -> bool:
    values = (row["metric"], row["source_metric"])
    return report["metric"]["goal"] == "maximize" and all(0 <= value <= 1 for value in values)


def _scale(row: Row, report: dict[str, Any]) -> float:
    return 100.0 if _is_share(row, report) else 1.0


def _fidelity_sentence(row: Row) -> str:
    if row["exact"]:
        return "gives the outputs of the source model exactly"
    if row["max_abs_error"] is None:
        return "gives outputs without a finite value"
    return f"differs from the source model by at most {row['max_abs_error']:.3g}"


def _short(value: float) -> str:
    """Write a number for people: 0.1, 12; what rounds to nothing keeps two digits."""
    text = f"{abs(value):.1f}".removesuffix(".0")
    return f"{abs(value):.2g}" if text == "0" and value else text
