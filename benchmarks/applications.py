"""Convert Keras' applications by every variant, and print what works, how near, or why not.

    python -m benchmarks.applications [--models MobileNetV2 ...] [--size 96]

Models have random weights and random pictures, and answer logits: what is tried is whether their
operators convert and run, not how well they classify. Each model is converted in a process of its
own; a conversion that takes the process down is a result, and the next ones go on in another one.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import machine
from litemill.config.schema.numerics import Numerics
from litemill.conversion import presets
from litemill.core.errors import LitemillError
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.standalone.convert_file import ConversionRequest, convert_file

if TYPE_CHECKING:
    from litemill.config.schema.variant import Variant

ROOT = Path(__file__).parents[1]
# One of each family of keras.applications that a device may run.
MODELS = (
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0",
    "NASNetMobile", "DenseNet121", "ResNet50", "ResNet50V2", "Xception", "ConvNeXtTiny",
)  # fmt: skip
SCALING = ("MobileNetV3", "EfficientNet", "ConvNeXt")  # these take 0 to 255
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "float32": ("float32", {}),
    "dynamic_range": ("dynamic_range", {}),
    "float16": ("float16", {}),
    "int8": ("int8", {}),
    "int8, float_fallback": ("int8", {"float_fallback": True}),
    "int16x8": ("int16x8", {}),
    "int16x8, float_fallback": ("int16x8", {"float_fallback": True}),
}
PICTURES = 24
SECONDS = 1800.0  # for a model


def main() -> None:
    """Print the table, and why conversions failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--size", type=int, default=96, help="pixels of a side (%(default)s)")
    arguments = parser.parse_args()
    print(machine())
    results = {}
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = convert_model(name, arguments.size, Path(folder))
        print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    print("\n".join(table(results)))


def convert_model(name: str, size: int, folder: Path) -> dict[str, str]:
    """Return by variant what was checked, or why there is no file."""
    run_isolated(save_model, name, size, folder, seconds=SECONDS, place=name)
    log = folder / "log"
    log.touch()
    while missing := [variant for variant in VARIANTS if variant not in read(log)]:
        try:
            run_isolated(convert_variants, folder, missing, seconds=SECONDS, place=name)
        except LitemillError as error:  # it took its process down, or too long
            missing = [variant for variant in missing if variant not in read(log)]
            if missing:
                write(log, missing[0], f"no: {error.found}")
    return read(log)


def save_model(name: str, size: int, folder: Path) -> None:
    """Save a model of random weights, and random pictures."""
    random = np.random.default_rng(0)
    coarse = random.uniform(0, 255, (PICTURES, size // 8, size // 8, 3)).astype(np.float32)
    pictures = coarse.repeat(8, axis=1).repeat(8, axis=2)
    if not name.startswith(SCALING):
        pictures = pictures / np.float32(127.5) - 1
    np.savez(folder / "pictures.npz", pictures=pictures)
    with capture_output():
        tensorflow_start.start_tensorflow(Numerics(), home=folder / "keras")
        import keras

        keras.utils.set_random_seed(0)
        model = getattr(keras.applications, name)(
            weights=None, input_shape=(size, size, 3), classifier_activation=None
        )
        model.save(folder / "model.keras")


def convert_variants(folder: Path, variants: list[str]) -> None:
    """Convert by these variants, one after the other, and write down each result at once.

    A variant with a fallback is tried where the same without it makes no file that runs.
    """
    for variant in variants:
        plain = read(folder / "log").get(variant.partition(",")[0])
        if plain is not None and (not plain.startswith("no: ") or "not faithful" in plain):
            write(folder / "log", variant, "; not needed")
            continue
        try:
            result = convert_file(request(variant, folder))
            assert result is not None  # Keras 3 wrote it
            answer = f"no: {result.failures[0].found}" if result.failures else result.checks
        except LitemillError as error:
            answer = "no: " + "; ".join(str(error).splitlines())
        write(folder / "log", variant, answer)


def request(variant: str, folder: Path) -> ConversionRequest:
    """Ask for a variant of the model in a folder."""
    preset, changes = VARIANTS[variant]
    options: Variant = replace(presets.load_variant(preset, ROOT), **changes)
    options.calibration.samples = min(options.calibration.samples, PICTURES // 2)
    return ConversionRequest(
        file=str(folder / "model.keras"),
        keras=True,
        signature=None,
        tags=[],
        custom_objects=[],
        allow_lambda=False,
        allow_operators=[],
        name=preset,
        variant=options,
        samples=str(folder / "pictures.npz"),
    )


def write(log: Path, variant: str, answer: str) -> None:
    """Append a result."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps([variant, answer]) + "\n")


def read(log: Path) -> dict[str, str]:
    """Read the results so far."""
    lines = log.read_text(encoding="utf-8").splitlines()
    results: dict[str, str] = dict(json.loads(line) for line in lines)
    return results


def table(results: dict[str, dict[str, str]]) -> list[str]:
    """Format a table in Markdown, and below it why conversions failed."""
    reasons: list[str] = []
    rows: list[list[Any]] = [["model", *VARIANTS], ["---"] * (len(VARIANTS) + 1)]
    for name, answers in results.items():
        rows.append([name, *(cell(answers[variant], reasons) for variant in VARIANTS)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [*lines, "", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]


def cell(answer: str, reasons: list[str]) -> str:
    """Return decibels, in parentheses where below the limit; or the number of the reason."""
    if match := re.search(r"(-?[\d.]+ dB)", answer):
        return f"({match[1]})" if answer.startswith("no: ") else match[1]
    if not answer.startswith("no: "):
        return answer.rpartition("; ")[2]
    reason = answer.removeprefix("no: ")
    if reason not in reasons:
        reasons.append(reason)
    return f"no, {reasons.index(reason) + 1}"


if __name__ == "__main__":
    main()
