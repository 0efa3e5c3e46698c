"""Convert the source model to one variant, and read the file back.

The file takes its place only when it is what was asked for.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters, section, to_plain
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.variant import Optimization, Route, TensorType, Variant
from litemill.config.toolchain import version_mismatches
from litemill.conversion import calibration, options, quantization_denylist, recipes
from litemill.conversion.float_layers import FloatLayers
from litemill.conversion.option_conflicts import needs_calibration
from litemill.conversion.routes import ROUTES, Source
from litemill.conversion.verification import mismatches
from litemill.core.errors import ConversionError, ErrorGroup, LitemillError, first_line
from litemill.core.files import atomic_replace, write_json
from litemill.data.samples import Samples, read_split
from litemill.models.reference_outputs import match_samples, read_signature
from litemill.models.source_model import StoredModel
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.tflite import flatbuffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.tflite.description import Description


def write_variant(name: str, variant: Variant, source: Source, samples: Samples, out: Path) -> None:
    """Write model.tflite and record.json below `out`.

    Args:
        name: the variant's name, for messages.
        variant: its conversion options.
        source: the source model.
        samples: the calibration split.
        out: the directory to write to.

    Raises:
        ConversionError: the converter failed.
        SeveralErrors: the file is not what was asked for; every departure.
    """
    converted = convert_variant(name, variant, source, samples)
    with atomic_replace(out / "model.tflite") as fresh:
        fresh.write_bytes(converted.content)
    write_json(
        out / "record.json",
        {
            "variant": name,
            "asked": to_plain(variant),
            "calibration_rows": converted.rows,
            "sha256": hashlib.sha256(converted.content).hexdigest(),
            "found": asdict(converted.found),
        },
    )


@dataclass(frozen=True)
class ConvertedFile:
    """A file that is what was asked for."""

    content: bytes
    found: Description
    rows: list[int]  # of the calibration split, in the order in which they were used


def convert_variant(
    name: str, variant: Variant, source: Source, samples: Samples | None
) -> ConvertedFile:
    """Convert and read back; `samples` may be missing where nothing is calibrated.

    Raises:
        ModelError: the source model cannot be traced as the variant asks, or does not fit the
            samples.
        ConversionError: the converter failed, or needs samples and has none.
        SeveralErrors: the file is not what was asked for; every departure.
    """
    from tensorflow.lite.python.convert_phase import ConverterError

    rows, given = _representative(name, variant, source, samples)
    islands = FloatLayers(variant.float_layers, source.key, f"variant {name}")
    try:
        with tempfile.TemporaryDirectory() as folder, capture_output(explained=LitemillError):
            if variant.batch is not None or variant.unroll:
                source = source.traced(
                    Path(folder) / "traced", batch=variant.batch, unroll=variant.unroll
                )
            file = _converted(variant, source, given, islands)
    except (ConverterError, ValueError, RuntimeError) as error:
        # What nothing here can explain: the converter's own words have been printed.
        told = first_line(error)
        raise ConversionError(f"variant {name}", told, "its own words stand above") from error
    found = flatbuffer.describe(file)
    wrong = mismatches(found, variant, source.signature)
    if wrong := [*wrong, *islands.departures(file, others=_others(variant))]:
        raise ErrorGroup(
            ConversionError(f"variant {name}", told, "the file was not kept") for told in wrong
        )
    return ConvertedFile(file, found, rows)


def _representative(
    name: str, variant: Variant, source: Source, samples: Samples | None
) -> tuple[list[int], Callable[[], Any] | None]:
    if not needs_calibration(variant):
        return [], None
    if samples is None:
        raise ConversionError(f"variant {name}", "no calibration samples", "expected real ones")
    fitting = match_samples(samples, source.signature)
    rows = calibration.select_rows(variant.calibration, fitting)
    return rows, calibration.representative_dataset(fitting, rows, batch=variant.batch)


def _others(variant: Variant) -> bool:
    """Tell whether layers that are not named may be in float too."""
    return variant.float_fallback or variant.recipe is not None


def _converted(
    variant: Variant, source: Source, given: Callable[[], Any] | None, islands: FloatLayers
) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    place = islands.place
    renaming = variant.route in (Route.keras, Route.concrete_function)
    if renaming and source.key != "serving_default":
        told = f"the route {variant.route.name}, which names every signature serving_default"
        expected = f"use the route saved_model, which keeps {source.key!r}"
        raise ConversionError(place, told, expected)
    if options.is_calibrated(variant) and source.loops():
        _refuse_loop(variant, source, place)
    # A converter keeps its settings, so that every variant gets a fresh one.
    prepare = options.converter_settings(variant, given)
    if variant.float_layers and variant.recipe is None:
        prepare = quantization_denylist.with_denylist(prepare, islands)
    try:
        file = ROUTES[variant.route.name](source, prepare)
    except ConverterError as error:
        if explained := _told(str(error), source):
            raise ConversionError(place, *explained) from error
        raise
    if variant.recipe is None:
        return file
    sides = {"INPUT": variant.input_type, "OUTPUT": variant.output_type}
    spare = [side for side, dtype in sides.items() if dtype is TensorType.float32]
    rules = recipes.with_float_ends(variant.recipe, spare)
    rules = recipes.without_layers(rules, islands.find(file))
    return recipes.quantize(file, rules, source.key, given, place=place)


def _refuse_loop(variant: Variant, source: Source, place: str) -> None:
    """Refuse what would end the process: the converter's calibrator crashes on loops."""
    plain = options.converter_settings(replace(variant, optimization=Optimization.none), None)
    loops = {"WHILE", "IF"} & {
        operator.name
        for operator in flatbuffer.describe(ROUTES["saved_model"](source, plain)).operators
    }
    if loops:
        told = f"{variant.optimization.name} of a graph with {' and '.join(sorted(loops))}"
        expected = "`unroll: true` for recurrent layers, or the optimization dynamic_range"
        raise ConversionError(place, f"{told}, which the converter cannot calibrate", expected)


def _told(message: str, source: Source) -> tuple[str, str] | None:
    """Name the operators that the converter has no words for, and what would allow them."""
    flex = _operators("TF Select ops", message)
    custom = _operators("Custom ops", message)
    if "TensorListReserve' op requires element_shape to be static" in message:
        found = (
            "a recurrent layer (or another loop) for any batch size, which TensorFlow Lite lacks"
        )
        if source.is_keras():
            return found, "`batch: 1` fixes the size, `unroll: true` writes recurrent layers out"
        return found, "expected a model that was exported with a fixed batch size"
    allowing = []
    if flex:
        allowing.append("`select_tf_ops: true`, for applications that link TensorFlow's kernels")
    if custom:
        allowing.append(f"`custom_ops: [{', '.join(custom)}]`, for applications that bring them")
    if not allowing:
        return None
    found = f"no TensorFlow Lite operator for {', '.join(flex + custom)}"
    return found, f"what would allow it: {'; '.join(allowing)}"


def _operators(kind: str, message: str) -> list[str]:
    found = re.search(rf"^{kind}: (.+)$", message, re.MULTILINE)
    return [name.strip() for name in found[1].split(",")] if found else []


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
    brought = StoredModel(trained)
    legacy = variant.route is Route.keras and brought.legacy.is_file()
    with capture_output():
        tensorflow_start.start_tensorflow(parameters(Numerics, "numerics"), legacy=legacy)
    source = Source(
        saved_model=exported / "saved_model",
        brought=brought,
        signature=read_signature(exported, variant.signature),
    )
    write_variant(name, variant, source, read_split(calibration), out)
