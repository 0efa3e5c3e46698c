"""The source model of an audit: what it answers, and what a fresh conversion of it holds.

To be called in a process of its own (`litemill.runtime.subprocess_isolation`): it imports TensorFlow.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.numerics import Numerics
from litemill.config.schema.variant import Variant
from litemill.conversion.convert import convert_variant
from litemill.conversion.export import write_reference_outputs
from litemill.conversion.routes import Source
from litemill.core.errors import LitemillError
from litemill.data.sample_file import read_samples
from litemill.models import saved_model
from litemill.models.source_model import StoredModel, import_model
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from litemill.config.schema.train import Model

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time


@dataclass(frozen=True)
class SourceRequest:
    """A source and the samples that it is asked."""

    model: Model  # an imported one: `file` is its path
    samples: str  # path of a file
    signature: str | None = None  # of a SavedModel; None is the usual one, or the only one


@dataclass(frozen=True)
class SourceAnswers:
    """A source model on some samples."""

    signature: dict[str, Any]  # {"key", "inputs", "outputs"}
    inputs: dict[str, Array]  # the samples, as the model takes them
    outputs: dict[str, Array]  # what it answers
    variables: dict[str, Array]  # by their names in the source
    content: bytes | None  # converted without quantization
    failure: str  # why that was not possible


def load_source(wanted: SourceRequest, folder: str) -> SourceAnswers:
    """Load a model of others, let it answer samples and convert it to float32.

    Args:
        wanted: the source and the samples.
        folder: an empty folder to work in.

    Raises:
        ModelError: the model cannot be loaded or run, or the samples do not fit it.
        DataError: the samples cannot be read.
    """
    # The one who asked ends with a line of its own when the terminal interrupts both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path.append(str(Path.cwd()))  # where custom objects are looked for
    with capture_output(explained=LitemillError):
        tensorflow_start.start_tensorflow(Numerics(), home=Path(folder) / "keras")
        source = _source(wanted, Path(folder))
        function = saved_model.load_signature(source.saved_model, source.key)
        samples = read_samples(Path(wanted.samples), source.signature["inputs"])
        answers = Path(folder) / "answers"
        write_reference_outputs(function, samples, BATCH, answers)
        # Names of variables need not be unique.
        variables = {f"{v.name}#{i}": v.numpy() for i, v in enumerate(function.variables)}
        converted, failure = _converted(source)
    return SourceAnswers(
        signature=source.signature,
        inputs=next(samples.batches(len(samples))).inputs,
        outputs={path.stem: np.load(path) for path in sorted(answers.glob("*.npy"))},
        variables=variables,
        content=converted,
        failure=failure,
    )


def _source(wanted: SourceRequest, folder: Path) -> Source:
    assert wanted.model.file is not None
    file = Path(wanted.model.file)
    model, brought = wanted.model, StoredModel(folder / "brought")
    if file.is_dir():
        model = replace(model, signature=wanted.signature or _usual(file, model.signature))
    import_model(model, brought)
    saved, key = brought.saved_model, brought.exported_key()
    if brought.is_keras():
        saved = folder / "saved_model"
        saved_model.save_keras(brought.load_keras(), saved, key)
    return Source(
        saved, brought, saved_model.describe_signature(saved_model.load_signature(saved, key), key)
    )


def _usual(folder: Path, usual: str) -> str:
    known = saved_model.signature_keys(folder)
    return known[0] if len(known) == 1 else usual


def _converted(source: Source) -> tuple[bytes | None, str]:
    """Convert to float32, with TensorFlow's own operators where nothing else will do."""
    failure = ""
    for variant in (Variant(), Variant(select_tf_ops=True)):
        try:
            return convert_variant("float32", variant, source, None).content, ""
        except LitemillError as error:
            failure = failure or str(error)
    return None, failure
