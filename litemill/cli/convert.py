"""`litemill convert`: one model to one .tflite file, without a project.

The flags are those of TensorFlow's `tflite_convert`, and more. The work is that of the pipeline's
stages, done in a process of its own: a converter that crashes takes no output along.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litemill.config.schema.variant import Variant
    from litemill.standalone.convert_file import ConversionRequest, ConversionResult

TIMEOUT_SECONDS = 24 * 3600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; each flag may be written with underscores or hyphens."""
    from litemill.config.schema.variant import Route, TensorType

    parser.description = "Convert a Keras file or a SavedModel to a .tflite file, and check it."
    parser.epilog = "Example: litemill convert --keras_model_file=model.h5 --output_file=m.tflite"
    sources = parser.add_argument_group("source").add_mutually_exclusive_group(required=True)
    _flag(sources, "keras_model_file", help="a .keras or .h5 file, of Keras 3 or Keras 2")
    _flag(sources, "saved_model_dir", help="folder of a SavedModel")
    _flag(parser, "output_file", required=True, help="the .tflite file to write")
    group = parser.add_argument_group("conversion")
    _flag(group, "variant", default="float32", help="of conf/variant/ (default: %(default)s)")
    samples = group.add_mutually_exclusive_group()
    real = "real inputs to calibrate on and to compare outputs on: .npz or .npy"
    _flag(samples, "samples", help=real)
    data = (
        "a choice of conf/data/, such as an image folder or CSV: its calibration split calibrates"
    )
    _flag(samples, "data", help=f"{data}, outputs are compared on its evaluation split")
    _flag(group, "input_type", choices=[*TensorType.__members__], help="instead of the variant's")
    _flag(group, "output_type", choices=[*TensorType.__members__], help="instead of the variant's")
    _flag(group, "batch", type=int, help="a fixed batch size")
    _flag(group, "unroll", action="store_true", help="unroll recurrent layers")
    _flag(group, "float_fallback", action="store_true", help="let layers without integers be float")
    _flag(group, "select_tf_ops", action="store_true", help="allow TensorFlow's own operators")
    _flag(group, "custom_ops", help="operators that the application brings, separated by commas")
    _flag(
        group,
        "route",
        choices=[*Route.__members__],
        help="from which form of the model the converter starts",
    )
    keep = "write the file though LiteRT cannot run it or its outputs are not the source model's"
    _flag(group, "keep", action="store_true", help=keep)
    group = parser.add_argument_group("loading the source")
    _flag(group, "saved_model_signature_key", type=_single, help="which of its signatures")
    _flag(group, "saved_model_tag_set", help="tags of the graph, separated by commas")
    _flag(group, "custom_objects", help="modules of its layers, separated by commas")
    _flag(group, "allow_lambda", action="store_true", help="run code from inside of the file")
    allowed = "operators of the graph that may touch files, the network or Python, by commas"
    _flag(group, "allow_operators", help=allowed)
    for name in ("experimental_new_converter", "experimental_new_quantizer"):
        _flag(parser, name, nargs="?", const="true", type=_true, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Convert, and print in two lines what was written and what was checked.

    Raises:
        LitemillError: there is no such source, variant or sample, the conversion failed, the file
            is not what was requested, does not run, or is not faithful. The output file is then as
            it was before.
    """
    from litemill.core.errors import ConfigError, ErrorGroup
    from litemill.core.files import atomic_replace

    if str(Path.cwd()) not in sys.path:  # modules of --custom_objects
        sys.path.append(str(Path.cwd()))
    out = Path(arguments.output_file)
    if out.is_dir():
        raise ConfigError(out, "a folder", "expected the name of a .tflite file")
    result = _convert(_request(arguments))
    if result.failures and not arguments.keep:
        raise ErrorGroup(result.failures)
    with atomic_replace(out) as fresh:
        fresh.write_bytes(result.content)
    for failure in result.failures:
        print(f"warning: {failure.place}: {failure.found}", file=sys.stderr)
    print(f"{out}: {result.description}")
    print(f"checked: {result.checks}")
    return 0


def _convert(request: ConversionRequest) -> ConversionResult:
    from litemill.runtime.subprocess_isolation import run_isolated
    from litemill.standalone.convert_file import convert_file

    for attempt in (request, replace(request, keras_2=True)):
        result = run_isolated(convert_file, attempt, seconds=TIMEOUT_SECONDS, place=request.file)
        if result is not None:
            return result
    raise AssertionError("no Keras hands over the model")


def _flag(parser: Any, name: str, **options: Any) -> None:
    if not {"action", "choices"} & set(options):
        options["metavar"] = name.rpartition("_")[2].upper()
    spellings = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
    parser.add_argument(*spellings, dest=name, **options)


def _words(value: str | None) -> list[str]:
    return [word.strip() for word in (value or "").split(",") if word.strip()]


def _true(value: str) -> str:
    if value.lower() != "true":
        raise argparse.ArgumentTypeError(f"{value!r}; TensorFlow has only the new one: true")
    return value


def _single(value: str) -> str:
    if "," in value:
        raise argparse.ArgumentTypeError(f"{value!r}; a file is made from one signature")
    return value


def _request(arguments: argparse.Namespace) -> ConversionRequest:
    from litemill.conversion import presets
    from litemill.standalone.convert_file import ConversionRequest

    name, variant = _variant(arguments)
    return ConversionRequest(
        file=arguments.keras_model_file or arguments.saved_model_dir,
        keras=arguments.keras_model_file is not None,
        signature=arguments.saved_model_signature_key or variant.signature,
        tags=_words(arguments.saved_model_tag_set),
        custom_objects=_words(arguments.custom_objects),
        allow_lambda=arguments.allow_lambda,
        allow_operators=_words(arguments.allow_operators),
        name=name,
        variant=variant,
        samples=arguments.samples,
        data=presets.load_data(arguments.data, Path.cwd()) if arguments.data else None,
    )


def _variant(arguments: argparse.Namespace) -> tuple[str, Variant]:
    """Return the named variant, changed by the command line."""
    from litemill.config.schema.variant import Route, TensorType
    from litemill.conversion import option_conflicts, presets
    from litemill.core.errors import ErrorGroup

    name = arguments.variant
    variant = presets.load_variant(name, Path.cwd())
    changes: dict[str, Any] = {}
    for option in ("input_type", "output_type"):
        if getattr(arguments, option):
            changes[option] = TensorType[getattr(arguments, option)]
    if arguments.route:
        changes["route"] = Route[arguments.route]
    if arguments.batch is not None:
        changes["batch"] = arguments.batch
    for option in ("unroll", "float_fallback", "select_tf_ops"):
        if getattr(arguments, option):
            changes[option] = True
    if arguments.custom_ops:
        changes["custom_ops"] = _words(arguments.custom_ops)
    variant = replace(variant, **changes)
    if wrong := option_conflicts.conflicts(variant, lambda option: f"variant {name}, {option}"):
        raise ErrorGroup(wrong)
    return name, variant
