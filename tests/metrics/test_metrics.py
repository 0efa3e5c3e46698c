from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from litemill import metrics
from litemill.core.errors import DataError

SCORES = [
    function
    for name, function in inspect.getmembers(metrics, inspect.isfunction)
    if not name.startswith("_") and function.__module__ == metrics.__name__
]
OUTPUTS = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], np.float32)


def test_top1_is_one_where_the_highest_output_is_the_target():
    """A score for each sample."""
    assert [1.0, 0.0, 1.0] == metrics.top1(OUTPUTS, np.array([1, 2, 2])).tolist()


def test_top1_breaks_ties_as_argmax_does():
    """The lower class wins, so that source and variant are treated alike."""
    assert [1.0, 0.0] == metrics.top1(np.ones((2, 3)), np.array([0, 1])).tolist()


def test_top_k_is_one_where_the_target_is_among_the_highest():
    """More than there are classes is all of them."""
    assert [1.0, 0.0, 1.0] == metrics.top_k(OUTPUTS, np.array([2, 2, 1]), k=2).tolist()
    assert [1.0] * 3 == metrics.top_k(OUTPUTS, np.array([0, 0, 0])).tolist()


def test_binary_compares_sides_of_a_threshold():
    """Of probabilities by default, of logits with 0."""
    target = np.array([0, 1, 1])

    assert [1.0, 0.0, 1.0] == metrics.binary(np.array([[0.2], [0.4], [0.9]]), target).tolist()
    assert [1.0, 1.0, 0.0] == metrics.binary(
        np.array([-2.0, 0.1, -1.0]), target, threshold=0.0
    ).tolist()


def test_errors_are_means_over_a_samples_elements():
    """In the target's unit, and its square."""
    outputs, target = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 4.0], [0.0, 4.0]])

    assert [1.0, 1.5] == metrics.absolute_error(outputs, target).tolist()
    assert [2.0, 4.5] == metrics.squared_error(outputs, target).tolist()


def test_errors_take_one_target_a_sample_for_one_output():
    """[samples, 1] against [samples]."""
    assert [1.0, 0.0] == metrics.absolute_error(np.array([[1.0], [2.0]]), np.array([2, 2])).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_label_f1_is_that_of_scikit_learn(seed):
    """Samples without any label, true or predicted, are among them."""
    random = np.random.default_rng(seed)
    outputs, target = random.random((50, 3)) * 0.8, random.random((50, 3)) < 0.3

    expected = f1_score(target, outputs > 0.5, average="samples", zero_division=1)

    assert expected == pytest.approx(metrics.label_f1(outputs, target).mean())


def test_label_f1_takes_logits():
    """A logit is on its label's side above 0: one label of two is 2 / (2 + 1)."""
    assert [2 / 3] == metrics.label_f1(
        np.array([[0.1, -3.0]]), np.ones((1, 2)), threshold=0
    ).tolist()


@pytest.mark.parametrize("form", ["numbers", "numbers with a channel", "one-hot"])
def test_image_iou_is_that_of_scikit_learn(form):
    """The mean over the classes that an image has, or is said to have."""
    random = np.random.default_rng(0)
    outputs, numbers = random.random((6, 5, 4, 3)), random.integers(0, 2, (6, 5, 4))
    outputs[:3, ..., 2] = 0  # these images have two classes only
    one_hot = np.eye(3)[numbers]
    target = {"numbers": numbers, "one-hot": one_hot}.get(form, numbers[..., None])

    expected = [
        jaccard_score(true.ravel(), output.argmax(-1).ravel(), average="macro")
        for true, output in zip(numbers, outputs, strict=True)
    ]

    assert expected == pytest.approx(metrics.image_iou(outputs, target))


def test_image_iou_of_one_channel_is_that_of_the_foreground():
    """By hand: one of three pixels; nothing where nothing is; all of nothing."""
    outputs = np.array([[0.9, 0.8, 0.1], [0.1, 0.1, 0.1], [0.9, 0.1, 0.1]]).reshape(3, 1, 3, 1)
    target = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 0]]).reshape(3, 1, 3)

    assert [1 / 3, 1.0, 0.0] == pytest.approx(metrics.image_iou(outputs, target))


def test_image_iou_refuses_classes_that_the_output_has_not():
    """A mask of 0 and 255 would score as if that class were never found."""
    with pytest.raises(DataError, match="target class 0 or 255; expected 0 to 2"):
        metrics.image_iou(np.zeros((1, 1, 2, 3)), np.array([[[0, 255]]]))


@pytest.mark.parametrize("score", SCORES)
def test_scores_of_no_samples_are_none(score):
    """An empty batch is no error."""
    shape = (0, 2, 2, 3) if score is metrics.image_iou else (0, 3)
    found = score(np.zeros(shape), np.zeros((0,) if score in TOPS else shape))

    assert ((0,), np.float64) == (found.shape, found.dtype)


@pytest.mark.parametrize("score", SCORES)
def test_scores_refuse_targets_that_do_not_fit(score):
    """Broadcasting would score something else."""
    with pytest.raises(DataError, match="outputs of shape"):
        score(np.zeros((4, 3)), np.zeros(5))


TOPS = [metrics.top1, metrics.top_k]
