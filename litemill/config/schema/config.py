"""The whole configuration, as conf/ and params.yaml compose it; only configure knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from litemill.config.schema import MISSING
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.prepare import Split, Task
from litemill.config.schema.sweep import SweepChoice  # noqa: TC001  # read at run time, as all fields are
from litemill.config.schema.train import Fit, Model
from litemill.config.schema.validate import Measuring, Metric
from litemill.config.schema.variant import Variant


@dataclass
class ModelChoice(Model):
    """A choice of conf/model/: the model, and what the release says of it."""

    description: str = ""  # one line: what the model does
    intended_use: str = ""  # for what it was built and judged, and for what not
    limitations: str = ""  # known weaknesses, and uses that it was not judged for
    license: str = ""  # SPDX identifier of the model's own license; empty is not stated


@dataclass
class Data:
    """A choice of conf/data/."""

    load: dict[str, Any] = MISSING  # a `_target_` that gives a litemill.data.dataset.Dataset
    task: Task = MISSING
    split: Split = field(default_factory=Split)
    metric: Metric | None = None  # what the task is judged by; null where there are no targets


@dataclass
class VariantChoice(Variant):
    """A choice of conf/variant/: conversion options, its target, and limits of its own."""

    limits: dict[str, Any] = field(default_factory=dict)
    target: str = "cpu"  # where it runs: a choice of conf/target/


@dataclass
class Exporting:
    """How the SavedModel is written."""

    signature: str = "serving_default"  # its name, as consumers of the model call it
    batch_size: int = 64  # samples at a time when the reference outputs are computed


@dataclass
class ReleaseChoice:
    """A choice of conf/release/."""

    name: str | None = None  # null is the name of the model's choice
    version: str = "0.1.0"  # of the model, not of Litemill
    repository: str = ""  # where its source is, such as https://example.org/model.git
    golden_samples: int = 8  # evaluation samples whose inputs and outputs go into the bundle


@dataclass
class Toolchain:
    """How strictly the environment is held to requirements.lock."""

    allow: list[str] = field(default_factory=list)


@dataclass
class Config:
    """Everything; each field is a group of conf/ or a section of conf/config.yaml."""

    model: ModelChoice = field(default_factory=ModelChoice)
    data: Data = field(default_factory=Data)
    train: Fit = field(default_factory=Fit)
    export: Exporting = field(default_factory=Exporting)
    validate: Measuring = field(default_factory=Measuring)
    numerics: Numerics = field(default_factory=Numerics)
    release: ReleaseChoice = field(default_factory=ReleaseChoice)
    toolchain: Toolchain = field(default_factory=Toolchain)
    limits: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, VariantChoice] = field(default_factory=dict)
    # Choices of conf/target/ that variants name; each is of the schema of its kind.
    targets: dict[str, Any] = field(default_factory=dict)
    sweeps: dict[str, SweepChoice] = field(default_factory=dict)

    def calls(self) -> dict[str, dict[str, Any]]:
        """Return every mapping with a `_target_` that is set, by its path."""
        score = self.data.metric.score if self.data.metric else None
        calls = {
            "data.load": self.data.load,
            "model.build": self.model.build,
            "model.function": self.model.function,
            "train.optimizer": self.train.optimizer,
            "train.loss": self.train.loss,
            "data.metric.score": score,
        }
        return {path: call for path, call in calls.items() if isinstance(call, dict)}
