from __future__ import annotations

import numpy as np
import pytest

from litemill.config.schema.validate import Goal, Metric
from litemill.core.errors import DataError
from litemill.data.samples import Samples, Slices
from litemill.evaluation.scoring import Scoring

TARGET = np.array([0, 0, 1, 1, 2, 2])
SOURCE = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 0]]  # one of class c taken for a
VARIANT = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 0, 2]]
SITES = {"site": Slices(np.array([0, 1, 0, 1, 0, 1]), ("north", "south"))}
SAMPLES = Samples(
    {"x": np.zeros((6, 1))}, {"target": TARGET}, ("a", "b", "c"), "classification", slices=SITES
)


def scored(size, *, samples=SAMPLES, metric=None, source=SOURCE, variant=VARIANT):
    """Score in batches of a size."""
    scoring = Scoring(metric or Metric(), samples, ["y"])
    start = 0
    for batch in samples.batches(size):
        rows = slice(start, start + size)
        scoring.add(source[rows], variant[rows], batch)
        start += size
    return scoring


@pytest.mark.parametrize("size", [1, 4, 6])
def test_scoring_counts_who_is_right(size):
    """Five of six, and four of six; together on three."""
    found = scored(size).measures()

    assert {"both": 3, "source_only": 2, "variant_only": 1, "neither": 0} == found["counts"]
    assert (5 / 6, 4 / 6, 1 / 6) == pytest.approx(
        tuple(found[key] for key in ("source", "variant", "drop"))
    )
    low, high = found["interval"]["drop"]
    assert low < found["drop"] < high


def test_scoring_tells_each_class_and_slice():
    """In their order; the means of their own samples."""
    found = scored(4).details()

    assert [("a", 2, 0.5), ("b", 2, 0.0), ("c", 2, 0.0)] == [
        (row["class"], row["samples"], row["drop"]) for row in found["per_class"]
    ]
    assert [("north", 1.0, 2 / 3), ("south", 2 / 3, 2 / 3)] == [
        (row["value"], row["source"], row["variant"]) for row in found["per_slice"]["site"]
    ]


def test_scoring_tells_what_is_taken_for_what():
    """A row a true class, a column an answer."""
    found = scored(4).details()["confusion"]

    assert ["a", "b", "c"] == found["labels"]
    assert [[2, 0, 0], [0, 2, 0], [1, 0, 1]] == found["source"]
    assert [[1, 1, 0], [0, 2, 0], [1, 0, 1]] == found["variant"]


def test_scores_that_are_not_0_or_1_have_no_counts():
    """And a better variant a drop below 0, whichever way is better."""
    samples = Samples({"x": np.zeros((6, 1))}, {"y": np.zeros((6, 1))}, None, "regression")
    metric = Metric("mae", {"_target_": "litemill.metrics.absolute_error"}, Goal.minimize)
    source, variant = np.arange(6.0)[:, None] + 2, np.arange(6.0)[:, None] + 1.5
    scoring = scored(4, samples=samples, metric=metric, source=source, variant=variant)
    found = scoring.measures()

    assert (None, -0.5) == (found["counts"], found["drop"])
    assert [-0.5, -0.5] == pytest.approx(found["interval"]["drop"])
    assert {"per_class": None, "per_slice": None, "confusion": None} == scoring.details()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mean_that_is_no_number_has_no_interval(value):
    """JSON cannot hold its ends; means of the other model are told."""
    samples = Samples({"x": np.zeros((6, 1))}, {"y": np.zeros((6, 1))}, None, "regression")
    metric = Metric("mae", {"_target_": "litemill.metrics.absolute_error"}, Goal.minimize)
    source = np.ones((6, 1))
    variant = source.copy()
    variant[3] = value
    found = scored(4, samples=samples, metric=metric, source=source, variant=variant).measures()

    assert (1.0, None) == (found["source"], found["interval"])
    assert not np.isfinite(found["variant"])


def test_scoring_refuses_a_class_that_there_is_not():
    """Damaged targets are no extra class."""
    targets = {"target": np.array([0, 0, 1, 1, 2, 3])}
    samples = Samples(SAMPLES.inputs, targets, SAMPLES.classes, "classification")

    with pytest.raises(DataError, match="label 0 or 3; expected 0 to 2"):
        scored(6, samples=samples)
