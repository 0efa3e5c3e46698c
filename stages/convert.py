"""Convert the source model to one variant, and read the file back: `python -m stages.convert int8`.

The file takes its place only when it is what was asked for.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import calibration, flatbuffer, runtime
from stages.errors import ConversionError, SeveralErrors
from stages.files import read_json, replacing, write_json
from stages.quiet import quiet
from stages.readback import departures
from stages.routes import ROUTES, Source
from stages.run import parameters, run, section
from stages.samples import Samples, read_split
from stages.schema.numerics import Numerics
from stages.schema.variant import Optimization, TensorType, Variant

if TYPE_CHECKING:
    from collections.abc import Callable


def convert(name: str, variant: Variant, source: Source, samples: Samples, out: Path) -> None:
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
    rows = calibration.picked(variant.calibration, samples) if _calibrated(variant) else []
    content = _converted(name, variant, source, _prepare(variant, samples, rows))
    found = flatbuffer.describe(content)
    if wrong := departures(found, variant, source.signature):
        raise SeveralErrors(
            ConversionError(f"variant {name}", told, "the file was not kept") for told in wrong
        )
    with replacing(out / "model.tflite") as fresh:
        fresh.write_bytes(content)
    write_json(
        out / "record.json",
        {
            "variant": name,
            "asked": section("convert", name),
            "calibration_rows": rows,
            "sha256": hashlib.sha256(content).hexdigest(),
            "found": asdict(found),
        },
    )


def _calibrated(variant: Variant) -> bool:
    return variant.optimization in (Optimization.int8, Optimization.int16x8)


def _converted(
    name: str, variant: Variant, source: Source, prepare: Callable[[Any], None]
) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    # A converter keeps its settings, so that every variant gets a fresh one.
    try:
        with quiet():
            return ROUTES[variant.route.name](source, prepare)
    except ConverterError as error:
        raise ConversionError(f"variant {name}", *_told(str(error))) from error


def _told(message: str) -> tuple[str, str]:
    operators = sorted(set(re.findall(r"'?\b(tf\.[A-Z]\w+)' op", message)))
    if operators:
        found = f"no TensorFlow Lite operator for {', '.join(operators)}"
        return found, "expected operators that have one"
    return message.strip().splitlines()[0], "the converter's own words stand above"


def _prepare(variant: Variant, samples: Samples, rows: list[int]) -> Callable[[Any], None]:
    def prepare(converter: Any) -> None:
        import tensorflow as tf

        types = {
            TensorType.float32: tf.float32,
            TensorType.int8: tf.int8,
            TensorType.uint8: tf.uint8,
            TensorType.int16: tf.int16,
        }
        if variant.optimization is not Optimization.none:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant.optimization is Optimization.float16:
            converter.target_spec.supported_types = [tf.float16]
        if _calibrated(variant):
            converter.representative_dataset = calibration.representative_dataset(samples, rows)
            converter.target_spec.supported_ops = _operators(tf.lite.OpsSet, variant)
            converter.inference_input_type = types[variant.input_type]
            converter.inference_output_type = types[variant.output_type]
        # No public name for this switch yet; older micro runtimes reject per-channel Dense.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = (  # noqa: SLF001
            not variant.per_channel_dense
        )

    return prepare


def _operators(sets: Any, variant: Variant) -> list[Any]:
    if variant.optimization is Optimization.int8:
        integer = sets.TFLITE_BUILTINS_INT8
    else:
        integer = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return [integer, sets.TFLITE_BUILTINS] if variant.float_fallback else [integer]


def main() -> None:
    """Convert build/export (or build/train, by route) to the variant named on the command line."""
    name = sys.argv[1]
    variant = parameters(Variant, "convert", name)
    with quiet():
        runtime.start(parameters(Numerics, "numerics"))
    source = Source(
        saved_model=Path("build/export/saved_model"),
        keras_file=Path("build/train/model.keras"),
        signature=read_json(Path("build/export/signature.json")),
    )
    samples = read_split(Path("build/prepare/calibration"))
    convert(name, variant, source, samples, Path("build/convert") / name)


if __name__ == "__main__":
    run(main)
