"""What `prepare` is asked: a data set and how it is split."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from stages.schema import MISSING


class Task(enum.Enum):
    """What the targets are."""

    classification = enum.auto()  # an integer class for every sample
    regression = enum.auto()  # one or more real numbers for every sample
    none = enum.auto()  # no targets: only fidelity to the source model is checked


class Duplicates(enum.Enum):
    """What to do with a sample that is there twice."""

    refuse = enum.auto()
    drop = enum.auto()  # keep the first


@dataclass
class Split:
    """How samples are divided; a share is a fraction below 1 or a number of samples."""

    train: float = 0.7
    calibration: float = 0.1
    evaluation: float = 0.2
    seed: int = 0
    stratify: bool = True  # same class proportions in every split (classification only)
    duplicates: Duplicates = Duplicates.refuse


@dataclass
class Prepare:
    """The data set: `load` is a `_target_` that gives a `stages.dataset.Dataset`."""

    load: dict[str, Any] = MISSING
    task: Task = MISSING
    split: Split = field(default_factory=Split)
