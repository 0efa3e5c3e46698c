from __future__ import annotations

import inspect

import numpy as np
import pytest

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


@pytest.mark.parametrize("score", SCORES)
def test_scores_of_no_samples_are_none(score):
    """An empty batch is no error."""
    found = score(np.zeros((0, 3)), np.zeros((0,) if score in TOPS else (0, 3)))

    assert ((0,), np.float64) == (found.shape, found.dtype)


@pytest.mark.parametrize("score", SCORES)
def test_scores_refuse_targets_that_do_not_fit(score):
    """Broadcasting would score something else."""
    with pytest.raises(DataError, match="outputs of shape"):
        score(np.zeros((4, 3)), np.zeros(5))


TOPS = [metrics.top1, metrics.top_k]
