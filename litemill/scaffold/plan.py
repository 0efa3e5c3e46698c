"""What a new project says of a model and its data, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.schema.prepare import Task
from litemill.config.schema.validate import Goal, Metric
from litemill.core.errors import DataError

if TYPE_CHECKING:
    from litemill.scaffold.data_facts import DataFacts
    from litemill.scaffold.model_facts import ModelFacts
    from litemill.scaffold.request import ProjectRequest

FEWEST = 10  # samples of which a project can be made
CALIBRATION = 100  # samples that Litemill's variants calibrate on
TRAINED = ("1", "0.4", "0.5")  # shares of a trained model, in the order of the splits
UNTRAINED = ("0.7", "0.1", "0.2")
SCORES = {
    "top1": "How often the largest output is the label's.",
    "binary": "How often the output is on the label's side of the threshold: 0.5 of probabilities,"
    " 0 of logits.",
    "absolute_error": "The mean distance of the output from the target, in the target's unit.",
}


@dataclass
class Plan:
    """A project, before its files are written.

    Attributes:
        request: what was asked for.
        model: what the model is.
        data: what the data are.
        task: what the targets are.
        load: the loader and its arguments, by conf/data/.
        why: the comment of each key.
        metric: what the task is judged by; None where there are no targets.
        samples: how many different ones there are.
    """

    request: ProjectRequest
    model: ModelFacts
    data: DataFacts
    task: Task
    load: dict[str, Any]
    why: dict[str, str] = field(default_factory=dict)
    metric: Metric | None = None
    samples: int = 0

    @property
    def model_file(self) -> str:
        """Name of the model's file or folder in the project."""
        assert self.request.model is not None
        return Path(self.request.model).resolve().name

    @property
    def model_line(self) -> str:
        """What the model is, in a line."""
        return f"{self.model.kind[0].upper()}{self.model.kind[1:]}: {self.model.signature()}"

    @property
    def data_line(self) -> str:
        """What the data are, in a line."""
        if self.data.kind == "images":
            count = len(self.data.images.images)
            classes = f" of {n} classes" if (n := len(self.data.images.classes)) else ""
            return f"{count} images{classes}, copied from the folder {self.data.path.name}"
        return f"{self.samples} samples, copied from {self.data.path.name}"

    @property
    def signature(self) -> str | None:
        """The signature to name, where it is not the usual one."""
        key = self.model.exported.key
        return key if key != "serving_default" and self.request.code is None else None

    @property
    def declared(self) -> bool:
        """Whether the data are divided into splits already."""
        return bool(self.data.images.parts) or bool({"split", "split_column"} & self.load.keys())

    @property
    def shares(self) -> tuple[str, str, str]:
        """Train, calibration and evaluation."""
        return TRAINED if self.model.trained else UNTRAINED

    @property
    def metric_name(self) -> str:
        """The metric's name in reports."""
        return self.metric.name if self.metric else ""

    @property
    def score(self) -> dict[str, Any]:
        """The metric's function."""
        return self.metric.score if self.metric else {}

    @property
    def goal(self) -> str:
        """Which way the metric gets better."""
        return self.metric.goal.name if self.metric else ""

    @property
    def output(self) -> str | None:
        """Which output the metric is of, where there are several."""
        return self.metric.output if self.metric else None

    def calibration(self) -> int | None:
        """Return how many samples to calibrate with where there are fewer than usual.

        Raises:
            DataError: there are too few samples for any split.
        """
        if self.samples < FEWEST:
            found = f"{self.samples} different samples"
            raise DataError(self.request.data, found, f"expected {FEWEST} or more")
        if self.data.images.parts:
            there = sum(image.split == "calibration" for image in self.data.images.images)
        elif self.declared:
            return None
        else:
            # One less: shares are rounded.
            there = int(float(self.shares[1]) * self.samples) - 1
        return max(1, there) if there < CALIBRATION else None


def task_of(data: DataFacts, targets: str, width: int | None) -> tuple[Task, str]:
    """Return what the targets are, and why.

    Args:
        data: the data.
        targets: kinds of the values: `text`, `integers`, `numbers` or nothing.
        width: values of the model's output; None is any.
    """
    if data.kind == "images" and data.images.classes:
        return Task.classification, "The folders of the images are their classes."
    if not targets:
        return Task.none, "The data have no targets: variants are compared with the source alone."
    name = f"`{data.target}`"
    if targets == "text":
        return Task.classification, f"The targets, {name}, are names of classes."
    if targets == "integers" and (width is None or width > 1):
        found = "any number of" if width is None else str(width)
        return Task.classification, f"{name} are whole numbers, and the model has {found} outputs."
    if targets == "classes":
        return Task.classification, f"{name} are 0 and 1, and the model has a single output."
    return Task.regression, f"The targets, {name}, are numbers."


def metric_of(task: Task, width: int | None, output: str | None, *, logits: bool) -> Metric | None:
    """Return what the task is judged by.

    Args:
        task: what the targets are.
        width: values of the output.
        output: its name, where there are several.
        logits: whether a single output goes beyond 0..1.
    """
    if task is Task.none:
        return None
    if task is Task.regression:
        score = {"_target_": "litemill.metrics.absolute_error"}
        return Metric("absolute_error", score, Goal.minimize, output)
    if width == 1:
        score = {"_target_": "litemill.metrics.binary"}
        return Metric("binary", score | {"threshold": 0.0 if logits else 0.5}, output=output)
    return Metric(output=output)
