"""Options of the stage `train`: a model and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litemill.config.schema import MISSING

# Where a model may come from: the options of `Model`, of which exactly one is set.
SOURCE_KINDS = ("build", "file", "function")
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")  # by which Keras knows its files


@dataclass
class Model:
    """Where the model comes from: exactly one of `build`, `file` and `function`."""

    # A `_target_` that gives a keras.Model, and its arguments; the pipeline trains it.
    build: dict[str, Any] | None = None
    # A trained model: a .keras or .h5 file (also of Keras 2), or a SavedModel folder.
    file: str | None = None
    # A `_target_` that gives a tf.function with an input signature, or a tf.Module that has one.
    function: dict[str, Any] | None = None
    # Which signature of a SavedModel, or which function of a tf.Module.
    signature: str = "serving_default"
    # Tags of the graph in a SavedModel that holds several; none is the only one.
    tags: list[str] = field(default_factory=list)
    # Modules whose layers and functions a Keras file needs, such as models.mine.layers.
    custom_objects: list[str] = field(default_factory=list)
    # Load Lambda layers, which are code inside of the file: it runs with your rights.
    allow_lambda: bool = False
    # Operators of a SavedModel's graph that may touch files, the network or Python, by name.
    allow_operators: list[str] = field(default_factory=list)

    def source_kinds(self) -> list[str]:
        """Return the options that say where the model comes from."""
        return [kind for kind in SOURCE_KINDS if getattr(self, kind) is not None]

    def is_keras(self) -> bool:
        """Return whether the source model is a Keras model, by its option or its file's name."""
        return self.build is not None or is_keras_file(self.file)


@dataclass
class Fit:
    """How the model is fitted."""

    epochs: int = 20
    batch_size: int = 32
    steps_per_execution: int = 16  # batches between two looks at Python; the weights are the same
    seed: int = 0
    validation: float = 0.1  # share of the train split that is held out to draw the curves
    optimizer: dict[str, Any] = MISSING  # a `_target_` from keras.optimizers
    loss: dict[str, Any] | None = None  # a `_target_`; by default it follows from the task


@dataclass
class Train:
    """All that the stage `train` depends on."""

    model: Model = field(default_factory=Model)
    fit: Fit | None = None  # null for an imported model
    task: str = MISSING  # from the data set


def is_keras_file(name: str | None) -> bool:
    """Return whether a file is one of Keras, by its name."""
    return str(name).endswith(KERAS_SUFFIXES)
