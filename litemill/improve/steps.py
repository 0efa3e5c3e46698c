"""The changes that may improve a variant, in the order in which they are tried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import Calibration, Optimization, Selection, TensorType, Variant
from litemill.conversion.option_conflicts import needs_calibration
from litemill.evaluation.advice import MIN_SHARE, UNEVEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litemill.improve.trial import Trial
    from litemill.sweep.inputs import SweepInputs


def with_more_samples(variant: Variant, inputs: SweepInputs) -> Iterator[tuple[str, Variant]]:
    """Calibrate it on more samples: twice as many, four times, ..., all there are."""
    calibration, available = variant.calibration, int(inputs.calibration["samples"])
    count = calibration.samples
    while needs_calibration(variant) and count < available:
        count = min(2 * count, available)
        yield _calibrated(variant, replace(calibration, samples=count))


def with_other_selections(variant: Variant, inputs: SweepInputs) -> Iterator[tuple[str, Variant]]:
    """Calibrate it on as many samples that are selected in another way."""
    calibration = variant.calibration
    if not needs_calibration(variant) or calibration.samples >= inputs.calibration["samples"]:
        return
    for selection in (Selection.random, Selection.stratified):
        if selection is calibration.selection or (
            selection is Selection.stratified and not inputs.calibration["classes"]
        ):
            continue
        yield _calibrated(variant, replace(calibration, selection=selection))


def can_have_float_layers(variant: Variant) -> bool:
    """Return whether layers of a variant can stay in float."""
    return variant.optimization is Optimization.int8 or variant.recipe is not None


def worst_layer(trial: Trial, refused: set[str]) -> str | None:
    """Name the layer to keep in float next, of a measured file; None where no layer adds noise.

    That is the layer that adds most of the noise. A layer that is in float already, and adds most
    of it all the same, gets it from what it reads: from a tensor that is stored in integers
    between the two, too coarsely. Then the layer that writes this tensor is next.

    Args:
        trial: the last one.
        refused: layers that cannot stay in float.
    """
    rows = {row["name"]: row for row in trial.measured.get("layers") or []}
    excluded = {*trial.variant.float_layers, *refused}
    for row in sorted(rows.values(), key=lambda row: -row["adds"]):
        if row["adds"] <= 0:
            return None
        if name := _nearest_candidate(row, rows, excluded):
            return name
    return None


def _nearest_candidate(
    row: dict[str, Any], rows: dict[str, dict[str, Any]], excluded: set[str]
) -> str | None:
    """Return the layer itself, or the nearest before it that is not excluded."""
    queue, seen = [str(row["name"])], set[str]()
    while queue:
        name = queue.pop(0)
        if name in seen or name not in rows:
            continue
        seen.add(name)
        row = rows[name]
        if excluded.isdisjoint((name, row["label"])):
            return _option(row)
        queue += rows[name]["reads"]
    return None


def loses_channels(trial: Trial) -> bool:
    """Tell whether a channel of an output is constant or noise in a file, as a check found."""
    outcome = trial.outcomes.get("lost_channels")
    return trial.made and outcome is not None and not outcome.passed


def with_uneven_layers_in_float(trial: Trial) -> Iterator[tuple[str, Variant]]:
    """Keep layers in float whose channels differ in size by orders, and those that read them.

    One scale holds all channels of what is between the two, and no calibration mends that.
    """
    variant, rows = trial.variant, trial.measured.get("layers") or []
    uneven = {row["name"] for row in rows if row.get("unevenness", 1.0) >= UNEVEN}
    noisy = [row for row in rows if row["adds"] >= MIN_SHARE]
    blamed = {name for row in noisy for name in (row["name"], *row["reads"]) if name in uneven}
    layers = [_option(row) for row in rows if {row["name"], *row["reads"]} & blamed]
    layers = [*variant.float_layers, *(name for name in layers if name not in variant.float_layers)]
    changed = replace(variant, float_layers=layers)
    if blamed and can_have_float_layers(variant) and changed != variant:
        yield describe_changes(variant, changed), changed


def with_float_outputs(trial: Trial) -> Iterator[tuple[str, Variant]]:
    """Keep the layers that write the outputs in float, and the outputs themselves.

    One scale for values of very different size is what loses channels, and no calibration mends it.
    """
    rows = trial.measured.get("layers") or []
    read = {name for row in rows for name in row["reads"]}
    last = [_option(row) for row in rows if row["name"] not in read]
    variant = trial.variant
    layers = [*variant.float_layers, *(name for name in last if name not in variant.float_layers)]
    changed = replace(variant, float_layers=layers, output_type=TensorType.float32)
    if last and can_have_float_layers(variant) and changed != variant:
        yield describe_changes(variant, changed), changed


def _option(row: dict[str, Any]) -> str:
    """Name a layer as `float_layers` does: an output's name says more than a tensor's."""
    name = str(row["name"])
    return name if row["label"] == short_name(name) else str(row["label"])


def with_one_layer_less(variant: Variant) -> Iterator[tuple[str, Variant]]:
    """Quantize one of its float layers again; not the last one, which was needed."""
    layers = variant.float_layers
    for name in layers[:-1]:
        others = [other for other in layers if other != name]
        yield f"without float {short_name(name)}", replace(variant, float_layers=others)


def describe_changes(base: Variant, variant: Variant) -> str:
    """Describe how a variant differs from the base, in the words of options."""
    calibration, before = variant.calibration, base.calibration
    parts = []
    if calibration.samples != before.samples:
        parts.append(f"calibration.samples={calibration.samples}")
    if variant.output_type is not base.output_type:
        parts.append(f"output_type={variant.output_type.name}")
    if calibration.selection is not before.selection:
        parts.append(f"calibration.selection={calibration.selection.name}")
    if added := [name for name in variant.float_layers if name not in base.float_layers]:
        names = ", ".join(short_name(name) for name in added)
        parts.append(f"{len(added)} layer{'' if len(added) == 1 else 's'} in float ({names})")
    return ", ".join(parts)


def short_name(name: str) -> str:
    """Return the first of the names that are fused into a layer's."""
    return name.partition(";")[0]


def _calibrated(variant: Variant, calibration: Calibration) -> tuple[str, Variant]:
    changed = replace(variant, calibration=calibration)
    return describe_changes(variant, changed), changed
