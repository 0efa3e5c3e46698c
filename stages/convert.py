"""Convert the source model to one variant, and read the file back: `python -m stages.convert int8`.

The file takes its place only when it is what was asked for.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import calibration, flatbuffer, options, recipes, runtime
from stages.errors import ConversionError, SeveralErrors
from stages.files import replacing, write_json
from stages.quiet import quiet
from stages.readback import departures
from stages.reference import read_signature, suited
from stages.routes import ROUTES, Source
from stages.run import parameters, words
from stages.samples import Samples, read_split
from stages.schema.numerics import Numerics
from stages.schema.variant import Route, Variant
from stages.sources import Brought

if TYPE_CHECKING:
    from collections.abc import Callable

    from stages.description import Description


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
    converted = content(name, variant, source, samples)
    with replacing(out / "model.tflite") as fresh:
        fresh.write_bytes(converted.content)
    write_json(
        out / "record.json",
        {
            "variant": name,
            "asked": words(variant),
            "calibration_rows": converted.rows,
            "sha256": hashlib.sha256(converted.content).hexdigest(),
            "found": asdict(converted.found),
        },
    )


@dataclass(frozen=True)
class Converted:
    """A file that is what was asked for."""

    content: bytes
    found: Description
    rows: list[int]  # of the calibration split, in the order in which they were used


def content(name: str, variant: Variant, source: Source, samples: Samples | None) -> Converted:
    """Convert and read back; `samples` may be missing where nothing is calibrated.

    Raises:
        ConversionError: the converter failed, or needs samples and has none.
        SeveralErrors: the file is not what was asked for; every departure.
    """
    rows, given = _representative(name, variant, source, samples)
    with tempfile.TemporaryDirectory() as folder, quiet():
        if variant.batch is not None:
            source = source.fixed(variant.batch, Path(folder) / "fixed")
        file = _converted(name, variant, source, options.applied(variant, given))
        if variant.recipe is not None:
            file = recipes.quantize(
                file, variant.recipe, source.key, given, place=f"variant {name}"
            )
    found = flatbuffer.describe(file)
    if wrong := departures(found, variant, source.signature):
        raise SeveralErrors(
            ConversionError(f"variant {name}", told, "the file was not kept") for told in wrong
        )
    return Converted(file, found, rows)


def _representative(
    name: str, variant: Variant, source: Source, samples: Samples | None
) -> tuple[list[int], Callable[[], Any] | None]:
    needed = options.calibrated(variant) or recipes.calibrated(variant.recipe)
    if not needed:
        return [], None
    if samples is None:
        raise ConversionError(f"variant {name}", "no calibration samples", "expected real ones")
    fitting = suited(samples, source.signature)
    rows = calibration.picked(variant.calibration, fitting)
    return rows, calibration.representative_dataset(fitting, rows, batch=variant.batch)


def _converted(
    name: str, variant: Variant, source: Source, prepare: Callable[[Any], None]
) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    # A converter keeps its settings, so that every variant gets a fresh one.
    try:
        return ROUTES[variant.route.name](source, prepare)
    except ConverterError as error:
        raise ConversionError(f"variant {name}", *_told(str(error))) from error


def _told(message: str) -> tuple[str, str]:
    """Name the operators that the converter has no words for, and what would allow them."""
    flex = re.search(r"^TF Select ops: (.+)$", message, re.MULTILINE)
    custom = re.search(r"^Custom ops: (.+)$", message, re.MULTILINE)
    if flex:
        found = f"no TensorFlow Lite operator for {flex[1]}"
        return found, "`select_tf_ops: true` allows them, in applications that link them"
    if custom:
        found = f"no TensorFlow Lite operator for {custom[1]}"
        return found, f"`custom_ops: [{custom[1]}]` allows them, in applications that bring them"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0] if lines else "the converter failed", "its own words stand above"


def main() -> None:
    """Convert build/export (or build/train, by route) to the variant named on the command line."""
    name = sys.argv[1]
    variant = parameters(Variant, "convert", name)
    brought = Brought(Path("build/train"))
    legacy = variant.route is Route.keras and brought.legacy.is_file()
    with quiet():
        runtime.start(parameters(Numerics, "numerics"), legacy=legacy)
    source = Source(
        saved_model=Path("build/export/saved_model"),
        brought=brought,
        signature=read_signature(Path("build/export"), variant.signature),
    )
    samples = read_split(Path("build/prepare/calibration"))
    convert(name, variant, source, samples, Path("build/convert") / name)


if __name__ == "__main__":
    runtime.run_warm(main, "stages.convert")
