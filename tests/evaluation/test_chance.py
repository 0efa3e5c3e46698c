"""Source models that have learned nothing of the samples, or see them in another form."""

from __future__ import annotations

import numpy as np
import pytest

from litemill.config.schema.validate import Goal, Metric
from litemill.core.errors import DataError
from litemill.data.samples import Samples
from litemill.evaluation.chance import chance_level, refuse_chance

RANDOM = np.random.default_rng(0)
CLASSES = ("ant", "bee", "cow", "dog")
LABELS = RANDOM.integers(0, 4, 200)
ERROR = Metric("error", {"_target_": "litemill.metrics.absolute_error"}, Goal.minimize)


def samples_of(targets, classes=CLASSES):
    """Return samples of one input in 0..1."""
    inputs = {"image": RANDOM.uniform(0, 1, (len(targets), 5)).astype(np.float32)}
    task = "classification" if classes else "regression"
    return Samples(inputs, {"target": targets}, classes, task)


def scores_of(labels, right=0.9):
    """Return the scores of a model that is right on that share."""
    wrong = RANDOM.integers(0, 4, len(labels))
    predicted = np.where(RANDOM.uniform(size=len(labels)) < right, labels, wrong)
    return {"y": np.eye(4, dtype=np.float32)[predicted]}


def test_a_model_at_chance_is_refused_with_its_range_and_the_option():
    """The line names what is usually the cause."""
    with pytest.raises(DataError) as caught:
        refuse_chance(Metric(), scores_of(LABELS, 0), samples_of(LABELS), {"image": 1 / 255})
    assert "top1 of the source model is 0." in caught.value.found
    assert "on 200 evaluation samples, and 0.2" in caught.value.found
    assert "the model itself multiplies it by 0.00392" in caught.value.expected
    assert "validate.accept_chance: true" in caught.value.expected


def test_classes_in_another_order_are_named():
    """As when folders are sorted and the model's labels are not."""
    order = np.array([2, 0, 3, 1])  # the model's output of each class
    with pytest.raises(DataError) as caught:
        refuse_chance(Metric(), scores_of(order[LABELS]), samples_of(LABELS))
    assert "% would be right: output 0 = 'bee', 1 = 'dog', 2 = 'ant', 3 = 'cow'" in (
        caught.value.expected
    )


@pytest.mark.parametrize("right", [0.3, 0.95])
def test_a_model_that_has_learned_something_passes(right):
    """However little, as long as it is no accident."""
    labels = RANDOM.integers(0, 4, 2000)
    refuse_chance(Metric(), scores_of(labels, right), samples_of(labels))


def test_the_most_frequent_class_is_chance():
    """95 % right by one answer is no better than nothing."""
    labels = (RANDOM.uniform(size=400) > 0.95).astype(np.int64)
    constant = np.tile(np.float32([1, 0]), (400, 1))
    level = chance_level(Metric(), {"y": constant}, samples_of(labels, ("a", "b")))
    assert level.chance == pytest.approx(level.source)
    assert not level.better
    right = {"y": np.eye(2, dtype=np.float32)[labels]}
    assert chance_level(Metric(), right, samples_of(labels, ("a", "b"))).better


def test_a_regression_has_to_beat_the_mean():
    """Also where it follows the targets, but on another scale."""
    targets = RANDOM.normal(10, 1, (100, 1)).astype(np.float32)
    samples = samples_of(targets, None)
    near = targets + RANDOM.normal(0, 0.3, targets.shape)
    assert chance_level(ERROR, {"y": near}, samples).better
    for outputs in (targets / 255, np.full_like(targets, 10), RANDOM.normal(10, 1, (100, 1))):
        level = chance_level(ERROR, {"y": outputs}, samples)
        assert not level.better
        assert level.chance == pytest.approx(np.abs(targets - targets.mean()).mean(), rel=1e-5)


def test_nobody_can_tell_from_few_samples_or_one_class():
    """Then nothing is refused."""
    few = LABELS[:19]
    assert chance_level(Metric(), scores_of(few, 0), samples_of(few)) is None
    same = np.zeros(100, np.int64)
    assert chance_level(Metric(), scores_of(same, 0), samples_of(same)) is None
