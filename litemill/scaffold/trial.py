"""With which preprocessing does a trained model answer best? Tried on a few samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.instantiate import instantiate
from litemill.config.schema.validate import Goal, Metric
from litemill.core.errors import DataError
from litemill.core.files import remove
from litemill.data.dataset_scan import scan_dataset
from litemill.data.samples import Samples
from litemill.data.splits import find_duplicates
from litemill.evaluation.chance import refuse_chance
from litemill.evaluation.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litemill.config.schema.prepare import Task
    from litemill.scaffold.model_facts import ModelFacts

MOST = 64  # samples that are tried


@dataclass(frozen=True)
class Trial:
    """What a model came to with one preprocessing.

    Attributes:
        score: the mean of the metric.
        samples: how many were tried.
        doubt: why it is no better than chance, and what usually causes that; empty if it is.
        certainty: mean log-likelihood of the right classes; 0 where there are none.
        outputs: by name, [samples, ...].
    """

    score: float
    samples: int
    doubt: str
    certainty: float
    outputs: dict[str, Any]


@dataclass(frozen=True)
class LoadedSamples:
    """A few samples of a data set, and how many different ones it has."""

    samples: Samples
    count: int
    classes: int | None


def load_samples(load: Mapping[str, Any], task: Task, scratch: Path) -> LoadedSamples:
    """Load a data set as the stage prepare does, and return a few of its samples.

    Raises:
        DataError: it cannot be used.
    """
    remove(scratch)
    scratch.mkdir(parents=True)
    dataset = instantiate(load, "data.load", scratch=scratch, task=task.name)
    found = scan_dataset(dataset, task)
    rows = np.unique(np.linspace(0, len(found) - 1, min(MOST, len(found))).astype(np.int64))
    inputs = {name: column.read(rows) for name, column in found.inputs.items()}
    targets = {name: column.read(rows) for name, column in found.targets.items()}
    classes = tuple(found.classes) if found.classes is not None else None
    count = len(found) - len(find_duplicates(found.digests))
    taken = Samples(inputs, targets, classes, task.name)
    return LoadedSamples(taken, count, len(classes) if classes else None)


def try_samples(model: ModelFacts, samples: Samples, metric: Metric | None, scratch: Path) -> Trial:
    """Score what a model answers to samples.

    Raises:
        ModelError: they do not fit the model.
        DataError: the metric does not fit its outputs.
    """
    outputs = model.answer(samples, scratch)
    score, certainty, doubt = float("nan"), 0.0, ""
    if metric is not None:
        scoring = Scoring(metric, samples, list(outputs))
        answers, targets = outputs[scoring.output], samples.targets[scoring.target]
        score = float(np.mean(scoring.score(answers, targets)))
        certainty = _certainty(answers, targets)
        try:
            refuse_chance(metric, outputs, samples, model.scaling)
        except DataError as error:
            doubt = f"{error.found}; {error.expected}"
    return Trial(score, len(samples), doubt, certainty, outputs)


def best(trials: Mapping[str, Trial], likely: str | None, goal: Goal) -> str:
    """Return the preset with the best score; where chance decides, the likely or the surest one."""
    top = max(trials, key=lambda name: _sign(goal) * trials[name].score)
    rivals = tied(trials, top, goal)
    if likely in rivals:
        return str(likely)
    return max(rivals, key=lambda name: trials[name].certainty)


def tied(trials: Mapping[str, Trial], chosen: str, goal: Goal) -> list[str]:
    """Return the presets whose scores differ from the chosen one's by chance, that one among them.

    The chosen one's score is a share of so many samples: two of its standard deviations. Of errors,
    which are no shares, equal ones alone.
    """
    score, samples = trials[chosen].score, trials[chosen].samples
    deviation = 2 * np.sqrt(max(score * (1 - score), 0.0) / samples)
    margin = deviation if goal is Goal.maximize else 0.0
    return [n for n, t in trials.items() if _sign(goal) * (score - t.score) <= margin]


def _sign(goal: Goal) -> float:
    return 1.0 if goal is Goal.maximize else -1.0


def _certainty(answers: Any, targets: Any) -> float:
    """Return the mean log-likelihood of classes; 0 where outputs are no classes.

    Outputs that are no probabilities are taken for logits.
    """
    if answers.ndim != 2 or answers.shape[1] < 2 or targets.dtype.kind not in "iu":  # noqa: PLR2004
        return 0.0
    shares = np.asarray(answers, np.float64)
    if shares.min() < 0 or not np.allclose(shares.sum(axis=1), 1, atol=1e-3):
        shares = np.exp(shares - shares.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    right = shares[np.arange(len(shares)), targets.reshape(-1)]
    return float(np.log(np.maximum(right, 1e-9)).mean())
