"""Small real models and their conversions: one or two layers each, made by TensorFlow itself.

Plain functions, so that any test can build what it needs. `file(NAME)` gives a .tflite by its name
in `zoo_files.FILES`, `source(NAME)` a source model of `SOURCES`, each made once in a test run.
TensorFlow is imported inside the functions.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from zoo_files import convert, file, remembered, serving, spec
from zoo_keras import (
    IMAGE,
    KEY,
    attention,
    batch_of,
    cnn,
    convolutions,
    dense,
    embedding,
    fixed,
    quiet_keras,
    recurrent,
    sequence,
    two_in_three_out,
    with_island,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.data.samples import Samples
    from litemill.models.exported_model import ExportedModel

# What tests reach as `zoo.NAME`, from wherever it is.
__all__ = [
    "IMAGE",
    "KEY",
    "SIGNATURE",
    "SOURCES",
    "answers",
    "batch_of",
    "cnn",
    "convert",
    "dense",
    "file",
    "folder",
    "function_source",
    "keras_2",
    "module",
    "module_saved",
    "module_source",
    "quiet_keras",
    "remembered",
    "source",
    "spec",
    "split",
    "truth",
    "two_in_three_out",
]

SIGNATURE = {
    "key": KEY,
    "inputs": {"image": {"dtype": "float32", "shape": [None, 8, 8, 1]}},
    "outputs": {"digit": {"dtype": "float32", "shape": [None, 10]}},
}


def module() -> Any:
    """Return a tf.Module with signatures `double` of x [3], `total` of left [2] and right [2]."""
    import tensorflow as tf

    class Both(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable([2.0, 4.0, 8.0])

        @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
        def double(self, x: Any) -> dict[str, Any]:
            return {"y": x * self.weights}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], name="left"),
                tf.TensorSpec([None, 2], name="right"),
            ]
        )
        def total(self, left: Any, right: Any) -> dict[str, Any]:
            return {"sum": left + right, "product": left * right}

    return Both()


# Source models by name: what the pipeline's own model may be.
SOURCES: dict[str, Callable[[], Any]] = {
    "cnn": cnn,
    "dense": dense,
    "several": two_in_three_out,
    "sequence": sequence,
    "embedding": embedding,
    "lstm": lambda: recurrent("LSTM"),
    "gru": lambda: recurrent("GRU"),
    "convolutions": convolutions,
    "attention": attention,
    "fixed": fixed,
    "island": with_island,
    "wide": lambda: dense(64),
    "blocks": lambda: dense(64, features=32),
}


def unsupported(x: Any) -> dict[str, Any]:
    """Answer with two operators that TensorFlow Lite has not: x [3, 3] to y [3, 3]."""
    import tensorflow as tf

    return {"y": tf.linalg.inv(x) + tf.linalg.cholesky(x)}


def custom(x: Any) -> dict[str, Any]:
    """Answer with an operator that neither TensorFlow Lite nor its Flex delegate has."""
    import tensorflow as tf

    return {"y": tf.raw_ops.Betainc(a=x, b=x, x=x)}


FUNCTIONS = {"unsupported": (unsupported, (None, 3, 3)), "custom": (custom, (None, 3))}


@functools.cache
def source(name: str) -> ExportedModel:
    """Return a source model of `SOURCES` as the stages train and export leave it, made once."""
    from litemill.config.schema.train import Model
    from litemill.models.exported_model import export_model
    from litemill.models.keras_source import KerasSource

    trained = KerasSource.store(SOURCES[name](), Model(), _new_folder(name))
    return export_model(trained, trained.folder / "saved_model", KEY)


@functools.cache
def module_source(key: str) -> ExportedModel:
    """Return one signature of `module` as an imported SavedModel."""
    from litemill.config.schema.train import Model
    from litemill.models.exported_model import export_signature
    from litemill.models.kinds import import_model

    model = Model(file=str(module_saved()), signature=key)
    imported = import_model(model, _new_folder(f"module_{key}"))
    return export_signature(imported, imported.saved_model, key)


@functools.cache
def function_source(name: str) -> ExportedModel:
    """Return a function of `FUNCTIONS` as an imported model."""
    import tensorflow as tf

    from litemill.config.schema.train import Model
    from litemill.models import saved_model
    from litemill.models.exported_model import export_signature
    from litemill.models.function_source import FunctionSource

    function, shape = FUNCTIONS[name]
    imported = FunctionSource.create(_new_folder(f"function_{name}"), Model())
    specs = {"x": tf.TensorSpec(shape, name="x")}
    saved_model.save_function(function, specs, [], imported.saved_model, KEY)
    return export_signature(imported, imported.saved_model, KEY)


def _new_folder(name: str) -> Path:
    path = folder() / name
    path.mkdir()
    return path


@functools.cache
def module_saved() -> Path:
    """Return a SavedModel folder of `module`."""
    import tensorflow as tf

    both, path = module(), folder() / "module"
    tf.saved_model.save(both, str(path), signatures={"double": both.double, "total": both.total})
    return path


@functools.cache
def keras_2() -> Path:
    """Return a .h5 file that Keras 2 wrote and Keras 3 refuses, made in a process of its own."""
    path = folder() / "keras_2.h5"
    code = f"""
import tf_keras as keras
keras.utils.set_random_seed(1)
image = keras.Input((8, 8, 1), name="image")
inner = keras.layers.Conv2D(4, 3, activation="relu")(image)
inner = keras.layers.DepthwiseConv2D(3, activation="relu")(inner)
outer = keras.layers.Dense(10, name="digit")(keras.layers.Flatten()(inner))
keras.Model(image, outer).save({str(path)!r}, save_format="h5")
"""
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return path


def split(source: ExportedModel, count: int = 32) -> Samples:
    """Return `count` samples that a source takes."""
    from litemill.data.samples import Samples

    inputs = {
        name: batch_of(tuple(spec["shape"][1:]), count, dtype=spec["dtype"])
        for name, spec in source.signature["inputs"].items()
    }
    return Samples(inputs, {}, None, "none")


def truth(source: ExportedModel, samples: Samples) -> dict[str, Any]:
    """Return what a source model answers to samples, by output name."""
    from litemill.models.reference_outputs import read_reference_outputs

    path = Path(tempfile.mkdtemp(dir=folder())) / "reference"
    source.write_reference_outputs(samples, 8, path)
    return {name: np.array(values) for name, values in read_reference_outputs(path).items()}


@functools.cache
def folder() -> Path:
    """Return a folder that lasts as long as the test run."""
    path = Path(tempfile.mkdtemp(prefix="zoo-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def answers(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what the Keras model answers, by output name."""
    _, function = serving(model)
    return {name: value.numpy() for name, value in function(**_constants(inputs)).items()}


def _constants(inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(value) for name, value in inputs.items()}
