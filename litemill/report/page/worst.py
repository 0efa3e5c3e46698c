"""The samples that variants answer differently from the source model, for the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.data.samples import Samples

Row = dict[str, Any]
MOST = 12  # samples that are shown
INPUTS = 3  # of a sample


@dataclass(frozen=True)
class Evidence:
    """What `prepare` wrote, as far as the page shows it.

    Attributes:
        samples: the evaluation split; None shows no sample.
        data: data.json: classes, and the preprocessing by input.
    """

    samples: Samples | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def worst_samples(measurements: Mapping[str, Row], evidence: Evidence) -> Row | None:
    """Return the samples whose predicted class changed, in any variant; else the largest errors.

    Args:
        measurements: what validate wrote, by variant.
        evidence: the samples themselves.

    Returns:
        {"changed": whether any class changed, "rows": each with its "sample", what is "shown" of
        it, "target", "source" and the "answers" by variant}; None where nothing differs.
    """
    found: dict[int, Row] = {}
    for variant, measured in measurements.items():
        for row in (measured.get("worst_samples") or {}).get("rows", ()):
            entry = found.setdefault(
                row["sample"], {key: row[key] for key in ("sample", "target", "source")}
            )
            entry.setdefault("answers", []).append({**row, "variant_name": variant})
    changed = any(answer["changed"] for entry in found.values() for answer in entry["answers"])
    rows = [_changed_only(entry) for entry in found.values()] if changed else list(found.values())
    rows = [row for row in rows if row["answers"]]
    # What most variants get differently, then what differs most.
    rows.sort(key=lambda row: (-len(row["answers"]) * changed, -_largest(row), row["sample"]))
    if not rows:
        return None
    return {"changed": changed, "rows": [_with_picture(row, evidence) for row in rows[:MOST]]}


def answer_text(answer: Any) -> str:
    """Write an answer or target: the name of a class, or the first values of an output."""
    if answer is None:
        return ""
    if isinstance(answer, list):
        return ", ".join("NaN" if value is None else f"{value:.4g}" for value in answer)
    return str(answer)


def _changed_only(entry: Row) -> Row:
    return {**entry, "answers": [answer for answer in entry["answers"] if answer["changed"]]}


def _largest(entry: Row) -> float:
    errors = [answer["error"] for answer in entry["answers"]]
    return max(float("inf") if error is None else error for error in errors)


def _with_picture(entry: Row, evidence: Evidence) -> Row:
    samples, number = evidence.samples, entry["sample"]
    if samples is None or number >= len(samples):
        return {**entry, "shown": []}
    from litemill.report.page.pictures import show_sample  # with numpy

    declared = evidence.data.get("preprocessing") or {}
    shown = [
        show_sample(name, values[number], declared.get(name) or {})
        for name, values in sorted(samples.inputs.items())
    ]
    shown.sort(key=lambda one: not one["src"])  # pictures first
    return {**entry, "shown": shown[:INPUTS]}
