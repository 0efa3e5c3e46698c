"""One model converted outside of a pipeline, in a process of its own: what `litemill convert` does.

The same steps as the stages train, export and convert, in a temporary folder.
"""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Model
from litemill.config.schema.variant import Calibration, Route, Selection, Variant
from litemill.conversion.arithmetic import arithmetic_of
from litemill.conversion.convert import convert_variant
from litemill.conversion.option_conflicts import needs_calibration
from litemill.core.errors import ConversionError, LitemillError, ModelError
from litemill.data.prepare import prepare_splits
from litemill.data.sample_file import read_samples
from litemill.data.sample_matching import format_shape
from litemill.data.samples import read_split
from litemill.models import keras_model, saved_model
from litemill.models.exported_model import export_model
from litemill.models.graph_operators import refuse_operators
from litemill.models.kinds import import_model
from litemill.models.reference_outputs import match_samples
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.standalone.output_check import check_outputs, check_runs, format_count

if TYPE_CHECKING:
    from litemill.config.schema.prepare import Prepare
    from litemill.data.samples import Samples
    from litemill.models.exported_model import ExportedModel
    from litemill.tflite.description import Description, Tensor

DEFAULT_KEY = "serving_default"


@dataclass(frozen=True)
class ConversionRequest:
    """One model and how to convert it."""

    file: str
    keras: bool  # a Keras file, not a SavedModel
    signature: str | None  # None is the usual one, or the only one
    tags: list[str]
    custom_objects: list[str]
    allow_lambda: bool
    allow_operators: list[str]
    name: str  # of the variant
    variant: Variant
    samples: str | None
    data: Prepare | None = None  # in their place: a data set, its splits as a project has them
    keras_2: bool = False  # run Keras 2 in the place of Keras 3


@dataclass(frozen=True)
class ConversionResult:
    """A file, with one line each on what it is and what was checked."""

    content: bytes
    description: str
    checks: str
    # Why the file should not be used.
    failures: list[ConversionError] = field(default_factory=list)


def convert_file(request: ConversionRequest) -> ConversionResult | None:
    """Convert and check.

    Returns:
        The result; None where Keras 2 has to hand over the model, for which another process with
        `keras_2` is needed.

    Raises:
        LitemillError: the source or the samples cannot be used, or the conversion failed.
    """
    # The parent ends with a line of its own when the terminal interrupts both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _refuse_early(request)
    with tempfile.TemporaryDirectory() as folder:
        return _convert(request, Path(folder))


def _refuse_early(request: ConversionRequest) -> None:
    """Refuse what needs no TensorFlow to be refused."""
    file = Path(request.file)
    if not file.exists():
        kind = "a .keras or .h5 file" if request.keras else "a SavedModel folder"
        raise ModelError(file, "no such file", f"expected {kind}")
    if file.is_dir() == request.keras:
        flag = "--saved_model_dir" if request.keras else "--keras_model_file"
        raise ModelError(file, "a folder" if request.keras else "a file", f"use {flag}")
    if request.keras:
        keras_model.refuse_lambda(file, allow_lambda=request.allow_lambda)
    no_samples = request.samples is None and request.data is None
    if needs_calibration(request.variant) and no_samples:
        place, expected = f"variant {request.name}", "use --samples FILE.npz, or --data NAME"
        raise ConversionError(place, "no samples to calibrate with", expected)
    if request.variant.route is Route.keras and not request.keras:
        expected = "expected one of: saved_model, concrete_function, cli"
        raise ModelError("--route", "keras, and the source is a SavedModel", expected)


def _convert(request: ConversionRequest, folder: Path) -> ConversionResult | None:
    with capture_output(explained=LitemillError):
        tensorflow_start.start_tensorflow(Numerics(), legacy=request.keras_2, home=folder / "keras")
        model = _export(request, folder)
    if model.source.needs_keras_2(request.variant.route.name) != request.keras_2:
        return None
    calibration, evaluation = _samples(request, model, folder)
    variant = request.variant
    if calibration is not None:
        chosen = _calibration(variant, len(calibration), classes=calibration.classes is not None)
        variant = replace(variant, calibration=chosen)
    converted = convert_variant(request.name, variant, model, calibration)
    checks = ["weights, types and signature are as requested"]
    if converted.rows:
        checks.append(_calibrated(request.variant, variant, len(converted.rows)))
    place = f"variant {request.name}"
    with capture_output(explained=LitemillError):
        if evaluation is None:
            check = check_runs(place, converted, model)
        else:
            judged = converted if evaluation is calibration else replace(converted, rows=[])
            check = check_outputs(place, judged, model, evaluation, folder / "reference")
    checks.append(check.summary)
    return ConversionResult(
        converted.content, _describe(converted.description), "; ".join(checks), check.failures
    )


def _samples(
    request: ConversionRequest, model: ExportedModel, folder: Path
) -> tuple[Samples | None, Samples | None]:
    """Return the samples to calibrate on, and those to compare outputs on: of a file, the same."""
    if request.data is not None:
        prepare_splits(request.data, folder / "data")
        calibration, evaluation = (
            match_samples(read_split(folder / "data" / split), model.signature)
            for split in ("calibration", "evaluation")
        )
        return calibration, evaluation
    if request.samples is None:
        return None, None
    samples = read_samples(Path(request.samples), model.signature["inputs"])
    return samples, samples


def _export(request: ConversionRequest, folder: Path) -> ExportedModel:
    key = DEFAULT_KEY if request.keras else request.signature or _usual_key(request)
    options = Model(
        file=request.file,
        signature=key,
        tags=request.tags,
        custom_objects=request.custom_objects,
        allow_lambda=request.allow_lambda,
        allow_operators=request.allow_operators,
    )
    (folder / "source").mkdir()
    source = import_model(options, folder / "source")
    if request.keras and request.signature not in (None, key):
        message = f"no signature {request.signature!r}"
        raise ModelError(request.file, message, f"a Keras model has one, {key!r}")
    return export_model(source, folder / "saved_model", key)


def _usual_key(request: ConversionRequest) -> str:
    """Return the usual signature of a SavedModel, or its only one."""
    refuse_operators(Path(request.file), request.allow_operators)
    keys = saved_model.signature_keys(Path(request.file), request.tags)
    return DEFAULT_KEY if DEFAULT_KEY in keys or len(keys) != 1 else keys[0]


def _calibration(variant: Variant, count: int, *, classes: bool) -> Calibration:
    """Take as many samples as requested, or all that there are; a file has no classes."""
    requested = variant.calibration
    stratified = requested.selection is Selection.stratified and not classes
    selection = Selection.random if stratified else requested.selection
    return replace(requested, samples=min(requested.samples, count), selection=selection)


def _calibrated(requested: Variant, variant: Variant, count: int) -> str:
    """Say what the file was calibrated on, and where that is not what the variant requests."""
    text = f"calibrated on {format_count(count)}"
    if count < requested.calibration.samples:
        text += f", all there are of the {requested.calibration.samples} requested"
    if variant.calibration.selection is not requested.calibration.selection:
        old, new = requested.calibration.selection.name, variant.calibration.selection.name
        text += f", selection {new} instead of {old}: the samples have no classes"
    return text


def _describe(file: Description) -> str:
    sides = (file.signatures[0].inputs, file.signatures[0].outputs)
    texts = [", ".join(_tensor(name, tensor) for name, tensor in side.items()) for side in sides]
    return f"{file.bytes:,} bytes, {arithmetic_of(file)}, {' -> '.join(texts)}"


def _tensor(name: str, tensor: Tensor) -> str:
    shape = [None if size < 0 else size for size in tensor.shape]
    return f"{name} {tensor.dtype} {format_shape(shape)}"
