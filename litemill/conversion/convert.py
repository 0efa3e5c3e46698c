"""Convert the source model to one variant, and verify the file.

The file takes its place only when it is what was requested.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters, section, to_plain
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.variant import (
    CALIBRATED,
    Optimization,
    Route,
    TensorType,
    Variant,
)
from litemill.config.toolchain import version_mismatches
from litemill.conversion import calibration, recipes
from litemill.conversion.finite_calibration import refuse_infinite
from litemill.conversion.float_layers import FloatLayers
from litemill.conversion.graph_names import graph_names
from litemill.conversion.option_conflicts import needs_calibration
from litemill.conversion.routes import RENAMING, convert_by_route
from litemill.conversion.tflite_converter import ConverterError, ConverterOptions
from litemill.conversion.verification import mismatches
from litemill.core.errors import ConversionError, ErrorGroup, LitemillError, first_line
from litemill.core.files import atomic_replace, write_json
from litemill.data.samples import Samples, read_split
from litemill.models.exported_model import ExportedModel
from litemill.models.kinds import open_model
from litemill.models.reference_outputs import match_samples, read_signature
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.tflite import flatbuffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.tflite.description import Description


INT16_CURE = "`float_fallback: true` leaves it in float; or use int8, dynamic_range or float16"


@dataclass(frozen=True)
class ConvertedFile:
    """A file that is what was requested."""

    content: bytes
    description: Description
    rows: list[int]  # of the calibration split, in the order in which they were used


def write_variant(
    name: str, variant: Variant, model: ExportedModel, samples: Samples, out: Path
) -> None:
    """Write model.tflite and record.json below `out`.

    Args:
        name: the variant's name, for messages.
        variant: its conversion options.
        model: the source model.
        samples: the calibration split.
        out: the directory to write to.

    Raises:
        ConversionError: the converter failed.
        ErrorGroup: the file is not what was requested; every mismatch.
    """
    converted = convert_variant(name, variant, model, samples)
    with atomic_replace(out / "model.tflite") as fresh:
        fresh.write_bytes(converted.content)
    write_json(
        out / "record.json",
        {
            "variant": name,
            "asked": to_plain(variant),
            "calibration_rows": converted.rows,
            "sha256": hashlib.sha256(converted.content).hexdigest(),
            "found": converted.description.as_json(),
        },
    )


def convert_variant(
    name: str, variant: Variant, model: ExportedModel, samples: Samples | None
) -> ConvertedFile:
    """Convert and verify; `samples` may be missing where nothing is calibrated.

    Raises:
        ModelError: the source model cannot be traced as the variant requests, or does not fit the
            samples.
        ConversionError: the converter failed, or needs samples and has none.
        ErrorGroup: the file is not what was requested; every mismatch.
    """
    place = f"variant {name}"
    rows, dataset = _representative_dataset(place, variant, model, samples)
    float_layers = FloatLayers(variant.float_layers, model.key, place)
    try:
        with tempfile.TemporaryDirectory() as folder, capture_output(explained=LitemillError):
            if variant.batch is not None or variant.unroll:
                model = model.retrace(
                    Path(folder) / "traced", batch=variant.batch, unroll=variant.unroll
                )
            file = _convert(variant, model, dataset, float_layers)
    except (ConverterError, ValueError, RuntimeError) as error:
        # What nothing here can explain: the converter's output has been printed.
        expected = "see the converter's output above"
        raise ConversionError(place, first_line(error), expected) from error
    description = flatbuffer.describe(file)
    wrong = mismatches(description, variant, model.signature, graph_names(file, model.key))
    wrong += float_layers.mismatches(file, others=_allows_float(variant))
    if wrong:
        raise ErrorGroup(ConversionError(place, line, "output discarded") for line in wrong)
    return ConvertedFile(file, description, rows)


def _representative_dataset(
    place: str, variant: Variant, model: ExportedModel, samples: Samples | None
) -> tuple[list[int], Callable[[], Any] | None]:
    if not needs_calibration(variant):
        return [], None
    if samples is None:
        raise ConversionError(place, "no calibration samples", "expected real inputs")
    matched = match_samples(samples, model.signature)
    rows = calibration.select_rows(variant.calibration, matched)
    return rows, calibration.representative_dataset(matched, rows, batch=variant.batch)


def _allows_float(variant: Variant) -> bool:
    """Return whether layers that are not named may be in float too."""
    return variant.float_fallback or variant.recipe is not None


def _convert(
    variant: Variant,
    model: ExportedModel,
    dataset: Callable[[], Any] | None,
    float_layers: FloatLayers,
) -> bytes:
    place = float_layers.place
    if variant.route in RENAMING and model.key != "serving_default":
        message = f"the route {variant.route.name} names every signature serving_default"
        expected = f"use the route saved_model, which keeps {model.key!r}"
        raise ConversionError(place, message, expected)
    if variant.optimization in CALIBRATED and model.may_have_loops():
        _refuse_loop(variant, model, place)
    denylist = None
    if variant.float_layers and variant.recipe is None:
        denylist = float_layers.denylisted_nodes
    check = None
    if dataset is not None:
        check = partial(refuse_infinite, key=model.key, batches=dataset, place=place)
    options = ConverterOptions(variant, dataset, denylist, check)
    file = _by_route(variant.route, model, options, place)
    return file if variant.recipe is None else _quantize(variant, file, dataset, float_layers)


def _by_route(route: Route, model: ExportedModel, options: ConverterOptions, place: str) -> bytes:
    try:
        return convert_by_route(route, model, options)
    except ConverterError as error:
        if explanation := _explain(error, model):
            raise ConversionError(place, *explanation) from error
        raise


def _quantize(
    variant: Variant, file: bytes, dataset: Callable[[], Any] | None, float_layers: FloatLayers
) -> bytes:
    sides = {"INPUT": variant.input_type, "OUTPUT": variant.output_type}
    in_float = [side for side, dtype in sides.items() if dtype is TensorType.float32]
    rules = recipes.with_float_ends(variant.recipe, in_float)
    rules = recipes.without_layers(rules, float_layers.find(file))
    return recipes.quantize(file, rules, float_layers.key, dataset, place=float_layers.place)


def _refuse_loop(variant: Variant, model: ExportedModel, place: str) -> None:
    """Refuse what would end the process: the converter's calibrator crashes on loops."""
    plain = ConverterOptions(replace(variant, optimization=Optimization.none))
    file = flatbuffer.describe(_by_route(Route.saved_model, model, plain, place))
    loops = {"WHILE", "IF"} & {operator.name for operator in file.operators}
    if loops:
        graph = f"{variant.optimization.name} of a graph with {' and '.join(sorted(loops))}"
        expected = "`unroll: true` for recurrent layers, or the optimization dynamic_range"
        raise ConversionError(place, f"{graph}, which the converter cannot calibrate", expected)


def _explain(error: ConverterError, model: ExportedModel) -> tuple[str, str] | None:
    """Say what TensorFlow Lite lacks, and what would allow it; None where that is not the cause."""
    if error.unbounded_loop:
        message = (
            "a recurrent layer (or another loop) for any batch size, which TensorFlow Lite lacks"
        )
        if model.source.has_layers:
            return message, "`batch: 1` fixes the size, `unroll: true` unrolls recurrent layers"
        return message, "expected a model that was exported with a fixed batch size"
    if error.not_in_int16:
        message = f"int16x8 has no kernel for {error.not_in_int16}"
        return message, INT16_CURE
    if error.computes_in:
        names, dtype = ", ".join(error.select_tf_ops), error.computes_in
        message = f"the model computes in {dtype}, and TensorFlow Lite's {names} take float32"
        cure = "export it in float32 (Keras: build it under that dtype policy, load its weights)"
        expected = f"{cure}; for smaller files use the optimization float16"
        return message, expected
    cures = []
    if error.select_tf_ops:
        cures.append("`select_tf_ops: true`, for applications that link TensorFlow's kernels")
    if error.custom_ops:
        names = ", ".join(error.custom_ops)
        cures.append(f"`custom_ops: [{names}]`, for applications that bring them")
    if not cures:
        return None
    names = ", ".join(error.select_tf_ops + error.custom_ops)
    return f"no TensorFlow Lite operator for {names}", f"use {'; or '.join(cures)}"


def run(name: str, *, trained: Path, exported: Path, calibration: Path, out: Path) -> None:
    """Convert the source model to the variant `name` of build/params.json.

    Args:
        name: the variant.
        trained: what the stage train wrote.
        exported: what the stage export wrote.
        calibration: the calibration split.
        out: the directory for model.tflite and record.json.
    """
    variant = parameters(Variant, "convert", name)
    if wrong := version_mismatches(section("quantizers", name)):
        raise ErrorGroup(wrong)
    source = open_model(trained)
    with capture_output():
        tensorflow_start.start_tensorflow(
            parameters(Numerics, "numerics"), legacy=source.needs_keras_2(variant.route.name)
        )
    model = ExportedModel(
        source=source,
        saved_model=exported / "saved_model",
        signature=read_signature(exported, variant.signature),
    )
    write_variant(name, variant, model, read_split(calibration), out)
