"""One model converted outside of a pipeline, in a process of its own: what `litemill convert` does.

The same steps as the stages train, export and convert, in a temporary folder.
"""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Model
from litemill.config.schema.variant import Calibration, Route, Selection, Variant
from litemill.conversion.convert import convert_variant
from litemill.conversion.export import write_reference_outputs
from litemill.conversion.option_conflicts import needs_calibration
from litemill.conversion.routes import Source
from litemill.conversion.verification import arithmetic_of
from litemill.core.errors import ConversionError, InterpreterError, LitemillError, ModelError
from litemill.data.sample_file import read_samples
from litemill.data.sample_matching import format_shape as shape_told
from litemill.evaluation.fidelity import Fidelity
from litemill.models import keras_model, saved_model
from litemill.models.source_model import StoredModel, import_model
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import CrashError, run_isolated
from litemill.tflite.interpreter import Model as LiteRT

if TYPE_CHECKING:
    from litemill.data.samples import Samples
    from litemill.tflite.description import Description, Tensor

BATCH = 64  # samples at a time
SECONDS = 600.0  # that the check of the file may take
DEFAULT = "serving_default"


@dataclass(frozen=True)
class ConversionRequest:
    """What is asked."""

    file: str
    keras: bool  # a Keras file, not a SavedModel
    signature: str | None  # None is the one that there is
    tags: list[str]
    custom_objects: list[str]
    allow_lambda: bool
    name: str  # of the variant
    variant: Variant
    samples: str | None
    legacy: bool = False  # with Keras 2 in the place of Keras 3


@dataclass(frozen=True)
class ConversionResult:
    """A file that is what was asked, and one line each of what it is and what was checked."""

    content: bytes
    told: str
    checked: str


def convert_file(order: ConversionRequest) -> ConversionResult | None:
    """Convert and check.

    Returns:
        What was made; None where Keras 2 itself has to hand over the model, for which another
        process with `legacy` is needed.

    Raises:
        LitemillError: something is not as it has to be; the first line says what.
    """
    # The one who asked ends with a line of its own when the terminal interrupts both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _refuse_early(order)
    with tempfile.TemporaryDirectory() as folder:
        return _converted(order, Path(folder))


def _refuse_early(order: ConversionRequest) -> None:
    """Refuse what can be told before TensorFlow is imported."""
    file = Path(order.file)
    if not file.exists():
        kind = "a .keras or .h5 file" if order.keras else "a SavedModel folder"
        raise ModelError(file, "no such file", f"expected {kind}")
    if file.is_dir() == order.keras:
        flag = "--saved_model_dir" if order.keras else "--keras_model_file"
        raise ModelError(file, "a folder" if order.keras else "a file", f"give it as {flag}")
    if order.keras:
        keras_model.refuse_lambda(file, allow_lambda=order.allow_lambda)
    if needs_calibration(order.variant) and order.samples is None:
        told = "calibration takes real inputs, and there are none"
        raise ConversionError(f"variant {order.name}", told, "give them as --samples FILE.npz")
    if order.variant.route is Route.keras and not order.keras:
        known = "expected one of: saved_model, concrete_function, cli"
        raise ModelError("--route", "keras, and the source is a SavedModel", known)


def _converted(order: ConversionRequest, folder: Path) -> ConversionResult | None:
    with capture_output(explained=LitemillError):
        tensorflow_start.start_tensorflow(Numerics(), legacy=order.legacy, home=folder / "keras")
        source = _source(order, folder)
    if order.variant.route is Route.keras and source.brought.legacy.is_file() != order.legacy:
        return None
    samples = None
    variant = order.variant
    if order.samples is not None:
        samples = read_samples(Path(order.samples), source.signature["inputs"])
        variant = replace(variant, calibration=_calibration(variant, len(samples)))
    done = convert_variant(order.name, variant, source, samples)
    checks = ["weights, types and signature are as asked"]
    if done.rows:
        checks.append(_calibrated(order.variant, variant, len(done.rows)))
    if samples is not None:
        with capture_output(explained=LitemillError):
            faithful = _faithful(done.content, source, samples, done.rows, folder / "answers")
        checks.append(faithful)
    return ConversionResult(done.content, _told(done.found), "; ".join(checks))


def _source(order: ConversionRequest, folder: Path) -> Source:
    brought = StoredModel(folder / "brought")
    key = DEFAULT if order.keras else order.signature or _only(order)
    model = Model(
        file=order.file,
        signature=key,
        tags=order.tags,
        custom_objects=order.custom_objects,
        allow_lambda=order.allow_lambda,
    )
    import_model(model, brought)
    saved = brought.saved_model
    if brought.is_keras():
        saved = folder / "saved_model"
        saved_model.save_keras(brought.load_keras(), saved, key)
    if order.keras and order.signature not in (None, key):
        told = f"no signature {order.signature!r}"
        raise ModelError(order.file, told, f"a Keras model has one, {key!r}")
    return Source(
        saved, brought, saved_model.describe_signature(saved_model.load_signature(saved, key), key)
    )


def _only(order: ConversionRequest) -> str:
    """Name the usual signature of a SavedModel, or its only one."""
    known = saved_model.signature_keys(Path(order.file), order.tags)
    if DEFAULT in known or len(known) != 1:
        return DEFAULT
    return known[0]


def _calibration(variant: Variant, count: int) -> Calibration:
    """Take as many as the variant says, or all that there are; a file has no classes."""
    asked = variant.calibration
    selection = Selection.random if asked.selection is Selection.stratified else asked.selection
    return replace(asked, samples=min(asked.samples, count), selection=selection)


def _calibrated(asked: Variant, done: Variant, count: int) -> str:
    """Say what the file was calibrated on, and where that is not what the variant says."""
    told = f"calibrated on {_counted(count)}"
    if count < asked.calibration.samples:
        told += f", all that there are of the {asked.calibration.samples} asked for"
    if done.calibration.selection is not asked.calibration.selection:
        old, new = asked.calibration.selection.name, done.calibration.selection.name
        told += f", picked {new} instead of {old}: the samples have no classes"
    return told


def _faithful(file: bytes, source: Source, samples: Samples, used: list[int], folder: Path) -> str:
    """Say how far the file's answers are from the source model's, on samples that it never saw.

    Where all of them calibrated it, on these.
    """
    which = ""
    if used:
        rest = sorted(set(range(len(samples))) - set(used))
        which = "the other " if rest else "the same "
        samples = samples.take(rest) if rest else samples
    function = saved_model.load_signature(source.saved_model, source.key)
    write_reference_outputs(function, samples, BATCH, folder)
    try:
        given = file, source.key, samples, folder
        # A process of its own, with no TensorFlow in it: the file may take it down.
        found = run_isolated(_compared, *given, seconds=SECONDS, place="the converted file")
    except CrashError:
        raise
    except InterpreterError as error:
        return f"not run here ({str(error).removeprefix('model: ')})"
    return f"{_worst(found)} on {which}{_counted(len(samples))}"


def _compared(file: bytes, key: str, samples: Samples, folder: Path) -> dict[str, Fidelity]:
    """Run a file against the source model's answers in `folder`."""
    model = LiteRT(file, signature=key)
    wanted = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in model.outputs}
    found = {name: Fidelity() for name in wanted}
    for number, batch in enumerate(samples.batches(BATCH)):
        rows = slice(number * BATCH, number * BATCH + len(batch))
        for name, value in model.run(batch.inputs).items():
            found[name].add(wanted[name][rows], value)
    return found


def _worst(found: dict[str, Fidelity]) -> str:
    measured = {name: one.measures() for name, one in found.items()}
    broken = [name for name, one in measured.items() if one["non_finite"]]
    if broken:
        return f"NaN or infinity in {', '.join(broken)}"
    noisy = {name: one["snr_db"] for name, one in measured.items() if one["snr_db"] is not None}
    if not noisy:
        return "the same answers as the source model"
    name = min(noisy, key=lambda one: noisy[one])
    return f"{noisy[name]:.1f} dB SNR against the source model ({name})"


def _told(found: Description) -> str:
    sides = (found.signatures[0].inputs, found.signatures[0].outputs)
    told = [", ".join(_tensor(name, one) for name, one in side.items()) for side in sides]
    return f"{found.bytes:,} bytes, {arithmetic_of(found)}, {' -> '.join(told)}"


def _tensor(name: str, tensor: Tensor) -> str:
    shape = [None if size < 0 else size for size in tensor.shape]
    return f"{name} {tensor.dtype} {shape_told(shape)}"


def _counted(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"
