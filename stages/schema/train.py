"""What `train` is asked: a model and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stages.schema import MISSING


@dataclass
class Model:
    """Where the model comes from."""

    build: dict[str, Any] = MISSING  # a `_target_` that gives a keras.Model, and its arguments


@dataclass
class Fit:
    """How the model is fitted."""

    epochs: int = 20
    batch_size: int = 32
    seed: int = 0
    validation: float = 0.1  # share of the train split that is held out to draw the curves
    optimizer: dict[str, Any] = MISSING  # a `_target_` from keras.optimizers
    loss: dict[str, Any] | None = None  # a `_target_`; by default it follows from the task


@dataclass
class Train:
    """All that the stage `train` depends on."""

    model: Model = field(default_factory=Model)
    fit: Fit = field(default_factory=Fit)
    task: str = MISSING  # from the data set
