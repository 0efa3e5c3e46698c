"""The source model of an audit: what it answers, and what a fresh conversion of it holds.

To be called in a process of its own (`stages.apart`): it imports TensorFlow.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import runtime, serving
from stages.convert import content
from stages.errors import LitemillError
from stages.export import answer
from stages.quiet import quiet
from stages.routes import Source
from stages.sample_file import read_samples
from stages.schema.numerics import Numerics
from stages.schema.variant import Variant
from stages.sources import Brought, bring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stages.samples import Samples
    from stages.schema.train import Model

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time


@dataclass(frozen=True)
class Original:
    """A source model on some samples."""

    signature: dict[str, Any]  # {"key", "inputs", "outputs"}
    inputs: dict[str, Array]  # the samples, as the model takes them
    outputs: dict[str, Array]  # what it answers
    variables: dict[str, Array]  # by their names in the source
    content: bytes | None  # converted without quantization
    failure: str  # why that was not possible


def original(model: Model, samples: str, folder: str) -> Original:
    """Load a model of others, let it answer samples and convert it to float32.

    Args:
        model: the source; `model.file` as it is found from the current folder.
        samples: the file with the samples.
        folder: an empty folder to work in.

    Raises:
        ModelError: the model cannot be loaded or run, or the samples do not fit it.
        DataError: the samples cannot be read.
    """
    with _silent():
        runtime.start(Numerics())
        brought = Brought(Path(folder) / "brought")
        bring(model, brought)
        source = _source(brought, model.signature, Path(folder) / "saved_model")
        function = serving.load(source.saved_model, source.key)
        taken = read_samples(Path(samples), source.signature["inputs"])
        outputs = _answers(function, taken, Path(folder) / "answers")
        variables = {f"{v.name}#{i}": v.numpy() for i, v in enumerate(function.variables)}
        converted, failure = _converted(source)
    inputs = next(taken.batches(len(taken))).inputs
    return Original(source.signature, inputs, outputs, variables, converted, failure)


def _source(brought: Brought, key: str, folder: Path) -> Source:
    if brought.is_keras():
        serving.save_keras(brought.load_keras(), folder, key)
    else:
        folder, key = brought.saved_model, brought.exported_key()
    signature = serving.describe(serving.load(folder, key), key)
    return Source(folder, brought, signature)


def _answers(function: Any, samples: Samples, folder: Path) -> dict[str, Array]:
    answer(function, samples, BATCH, folder)
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def _converted(source: Source) -> tuple[bytes | None, str]:
    """Convert to float32, with TensorFlow's own operators where nothing else will do."""
    failure = ""
    for variant in (Variant(), Variant(select_tf_ops=True)):
        try:
            return content("audit", variant, source, None).content, ""
        except LitemillError as error:
            failure = failure or str(error)
    return None, failure


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hold back what libraries print, also when the block fails for a reason told in one line."""
    failure: LitemillError | None = None
    with quiet():
        try:
            yield
        except LitemillError as error:
            failure = error
    if failure is not None:
        raise failure
