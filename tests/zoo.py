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

    from litemill.conversion.routes import Source
    from litemill.data.samples import Samples

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
    """Give a tf.Module of two signatures: `double` of x [3], `total` of left [2] and right [2]."""
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
def source(name: str) -> Source:
    """Give a source model of `SOURCES` as the stages train and export leave it, made once."""
    from litemill.config.schema.train import Model
    from litemill.conversion.routes import Source
    from litemill.models import keras_file
    from litemill.models import saved_model as serving
    from litemill.models.source_model import StoredModel

    brought = StoredModel(folder() / name)
    brought.settle(Model())
    keras_file.save_keras_file(SOURCES[name](), brought.keras)
    saved_model = brought.folder / "saved_model"
    serving.save_keras(brought.load_keras(), saved_model, KEY)
    return Source(
        saved_model,
        brought,
        serving.describe_signature(serving.load_signature(saved_model, KEY), KEY),
    )


@functools.cache
def module_source(key: str) -> Source:
    """Give one signature of `module` as an imported SavedModel."""
    from litemill.config.schema.train import Model
    from litemill.conversion.routes import Source
    from litemill.models import saved_model as serving
    from litemill.models.source_model import StoredModel, import_model

    brought = StoredModel(folder() / f"module_{key}")
    import_model(Model(file=str(module_saved()), signature=key), brought)
    signature = serving.describe_signature(serving.load_signature(brought.saved_model, key), key)
    return Source(brought.saved_model, brought, signature)


@functools.cache
def function_source(name: str) -> Source:
    """Give a function of `FUNCTIONS` as an imported model."""
    import tensorflow as tf

    from litemill.config.schema.train import Model
    from litemill.conversion.routes import Source
    from litemill.models import saved_model as serving
    from litemill.models.source_model import StoredModel

    function, shape = FUNCTIONS[name]
    brought = StoredModel(folder() / f"function_{name}")
    brought.settle(Model())
    specs = {"x": tf.TensorSpec(shape, name="x")}
    serving.save_function(tf.function(function), specs, [], brought.saved_model, KEY)
    loaded = serving.load_signature(brought.saved_model, KEY)
    return Source(brought.saved_model, brought, serving.describe_signature(loaded, KEY))


@functools.cache
def module_saved() -> Path:
    """Give a SavedModel folder of `module`."""
    import tensorflow as tf

    both, path = module(), folder() / "module"
    tf.saved_model.save(both, str(path), signatures={"double": both.double, "total": both.total})
    return path


@functools.cache
def keras_2() -> Path:
    """Give a .h5 file that Keras 2 wrote and Keras 3 refuses, made in a process of its own."""
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


def split(source: Source, count: int = 32) -> Samples:
    """Give `count` samples that a source takes, with classes where it has ten outputs."""
    from litemill.data.samples import Samples

    inputs = {
        name: batch_of(tuple(spec["shape"][1:]), count, dtype=spec["dtype"])
        for name, spec in source.signature["inputs"].items()
    }
    return Samples(inputs, {}, None, "none")


def truth(source: Source, samples: Samples) -> dict[str, Any]:
    """Give what a source model answers to samples, by output name."""
    from litemill.conversion.export import write_reference_outputs
    from litemill.models import saved_model as serving

    path = Path(tempfile.mkdtemp(dir=folder())) / "answers"
    write_reference_outputs(
        serving.load_signature(source.saved_model, source.key), samples, 8, path
    )
    return {file.stem: np.load(file) for file in path.glob("*.npy")}


@functools.cache
def folder() -> Path:
    """Give a folder that lasts as long as the test run."""
    path = Path(tempfile.mkdtemp(prefix="zoo-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def answers(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Give what the Keras model answers, by output name."""
    _, function = serving(model)
    return {name: value.numpy() for name, value in function(**_constants(inputs)).items()}


def _constants(inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(value) for name, value in inputs.items()}
