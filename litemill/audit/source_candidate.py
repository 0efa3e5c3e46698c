"""The source model of an audit: what it answers, and what a fresh conversion of it holds.

For a process of its own (`litemill.runtime.subprocess_isolation`): it imports TensorFlow.
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
from litemill.core.errors import LitemillError
from litemill.data.sample_file import read_samples
from litemill.models import saved_model
from litemill.models.exported_model import export_model
from litemill.models.graph_operators import refuse_operators
from litemill.models.kinds import import_model
from litemill.models.reference_outputs import read_reference_outputs
from litemill.runtime import tensorflow_start
from litemill.runtime.capture_output import capture_output

if TYPE_CHECKING:
    from litemill.config.schema.train import Model
    from litemill.models.exported_model import ExportedModel

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time


@dataclass(frozen=True)
class SourceRequest:
    """A source and the samples that it is to answer."""

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


def load_source(request: SourceRequest, folder: str) -> SourceAnswers:
    """Load a model of others, run it on samples and convert it to float32.

    Args:
        request: the source and the samples.
        folder: an empty folder to work in.

    Raises:
        ModelError: the model cannot be loaded or run, or the samples do not fit it.
        DataError: the samples cannot be read.
    """
    # The parent ends with a line of its own when the terminal interrupts both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path.append(str(Path.cwd()))  # where custom objects are looked for
    with capture_output(explained=LitemillError):
        tensorflow_start.start_tensorflow(Numerics(), home=Path(folder) / "keras")
        model = _export(request, Path(folder))
        samples = read_samples(Path(request.samples), model.signature["inputs"])
        reference = Path(folder) / "reference"
        model.write_reference_outputs(samples, BATCH, reference)
        # Names of variables need not be unique.
        function = model.concrete_function()
        variables = {f"{v.name}#{number}": v.numpy() for number, v in enumerate(function.variables)}
        content, failure = _float_file(model)
    return SourceAnswers(
        signature=model.signature,
        inputs=next(samples.batches(len(samples))).inputs,
        outputs={n: np.array(a) for n, a in read_reference_outputs(reference).items()},
        variables=variables,
        content=content,
        failure=failure,
    )


def _export(request: SourceRequest, folder: Path) -> ExportedModel:
    model = request.model
    assert model.file is not None
    if Path(model.file).is_dir():
        key = request.signature or _usual_key(model)
        model = replace(model, signature=key)
    (folder / "source").mkdir()
    source = import_model(model, folder / "source")
    return export_model(source, folder / "saved_model", model.signature)


def _usual_key(model: Model) -> str:
    folder = Path(str(model.file))
    refuse_operators(folder, model.allow_operators)
    keys = saved_model.signature_keys(folder)
    return keys[0] if len(keys) == 1 else model.signature


def _float_file(model: ExportedModel) -> tuple[bytes | None, str]:
    """Convert to float32, with TensorFlow's own operators where nothing else will do."""
    failure = ""
    for variant in (Variant(), Variant(select_tf_ops=True)):
        try:
            return convert_variant("float32", variant, model, None).content, ""
        except LitemillError as error:
            failure = failure or error.found
    return None, failure
