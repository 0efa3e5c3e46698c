"""What may mend a variant, in the order in which it is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Calibration, Optimization, Selection, Variant
from litemill.conversion.option_conflicts import needs_calibration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litemill.improve.trial import Trial
    from litemill.sweep.inputs import SweepInputs


def with_more_samples(variant: Variant, inputs: SweepInputs) -> Iterator[tuple[str, Variant]]:
    """Give it calibrated on more samples: twice as many, four times, ..., all there are."""
    asked, there = variant.calibration, int(inputs.calibration["samples"])
    count = asked.samples
    while needs_calibration(variant) and count < there:
        count = min(2 * count, there)
        yield _calibrated(variant, replace(asked, samples=count))


def with_other_selections(variant: Variant, inputs: SweepInputs) -> Iterator[tuple[str, Variant]]:
    """Give it calibrated on as many samples that are picked in another way."""
    asked = variant.calibration
    if not needs_calibration(variant) or asked.samples >= inputs.calibration["samples"]:
        return
    for selection in (Selection.random, Selection.stratified):
        if selection is asked.selection or (
            selection is Selection.stratified and not inputs.calibration["classes"]
        ):
            continue
        yield _calibrated(variant, replace(asked, selection=selection))


def can_have_float_layers(variant: Variant) -> bool:
    """Tell whether layers of it can stay in float."""
    return variant.optimization is Optimization.int8 or variant.recipe is not None


def worst_layer(trial: Trial, refused: set[str]) -> str | None:
    """Name the layer to keep in float next, of a measured file; None where none adds noise.

    That is the one that adds most of the noise. A layer that is in float already, and adds most of
    it all the same, gets it from what it reads: from a tensor that is stored in integers between
    the two, too coarsely. Then the layer that writes this tensor is next.

    Args:
        trial: what was measured last.
        refused: layers that cannot stay in float.
    """
    rows = {row["name"]: row for row in trial.measured.get("layers") or []}
    closed = {*trial.variant.float_layers, *refused}
    for row in sorted(rows.values(), key=lambda row: -row["adds"]):
        if row["adds"] <= 0:
            return None
        if found := _open(row, rows, closed):
            return found
    return None


def _open(row: dict[str, Any], rows: dict[str, dict[str, Any]], closed: set[str]) -> str | None:
    """Give the layer itself, or the nearest before it that is neither kept nor refused."""
    waiting, seen = [str(row["name"])], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in rows:
            continue
        seen.add(name)
        row = rows[name]
        if closed.isdisjoint((name, row["label"])):
            # An output's name, where it has one, says more than a tensor's.
            return name if row["label"] == short(name) else str(row["label"])
        waiting += rows[name]["reads"]
    return None


def with_one_layer_less(variant: Variant) -> Iterator[tuple[str, Variant]]:
    """Give it with one of its float layers quantized again; the last one was needed."""
    kept = variant.float_layers
    for name in kept[:-1]:
        left = [one for one in kept if one != name]
        yield f"without float {short(name)}", replace(variant, float_layers=left)


def describe_changes(base: Variant, variant: Variant) -> str:
    """Tell what a variant has and the base has not, in the words of options."""
    ours, theirs = variant.calibration, base.calibration
    parts = []
    if ours.samples != theirs.samples:
        parts.append(f"calibration.samples={ours.samples}")
    if ours.selection is not theirs.selection:
        parts.append(f"calibration.selection={ours.selection.name}")
    if added := [name for name in variant.float_layers if name not in base.float_layers]:
        names = ", ".join(short(name) for name in added)
        parts.append(f"{len(added)} layer{'' if len(added) == 1 else 's'} in float ({names})")
    return ", ".join(parts)


def short(name: str) -> str:
    """Give the first of the names that are fused into a layer's."""
    return name.partition(";")[0]


def _calibrated(variant: Variant, calibration: Calibration) -> tuple[str, Variant]:
    changed = replace(variant, calibration=calibration)
    return describe_changes(variant, changed), changed
