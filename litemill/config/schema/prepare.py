"""Options of the stage `prepare`: a data set and how it is split."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from litemill.config.schema import MISSING


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

    train: float = 0.7  # the weights are fitted to these
    calibration: float = 0.1  # quantization takes its ranges from these
    evaluation: float = 0.2  # every measurement is made on these
    seed: int = 0  # 0 or more; the same splits on every machine
    shuffle: bool = True  # false keeps the order of the data, and cuts it into three in a row
    stratify: bool = True  # same class proportions in every split (classification only)
    duplicates: Duplicates = Duplicates.refuse  # of input values, whatever the target


@dataclass
class Prepare:
    """The data set: `load` is a `_target_` that gives a `litemill.data.dataset.Dataset`."""

    load: dict[str, Any] = MISSING
    task: Task = MISSING  # passed to `load` when it has a parameter `task`
    split: Split = field(default_factory=Split)
