from __future__ import annotations

import numpy as np

from litemill.data.samples import Samples
from litemill.evaluation.worst_samples import LISTED, WorstSamples


def samples(count, classes=("a", "b")):
    """Return samples whose targets are of class b."""
    inputs, targets = {"x": np.zeros((count, 1))}, {"y": np.ones(count, np.int64)}
    return Samples(inputs, targets, classes, "classification")


def recorded(expected, output, block=3):
    """Return what is recorded of outputs that come in blocks."""
    whole = samples(len(expected))
    worst = WorstSamples(whole, ["digit"], ["digit"])
    for start in range(0, len(expected), block):
        stop = start + block
        worst.add(start, expected[start:stop], output[start:stop], next(whole.batches(block)))
    return worst.measures()


def test_samples_whose_class_changed_come_before_larger_errors():
    """With both answers, and the target, by name."""
    expected = np.tile([0.0, 1.0], (10, 1))
    output = expected.copy()
    output[4] = [1.1, 1.0]  # another class
    output[8] = [0.0, 50.0]  # a larger error, the same class

    found = recorded(expected, output)
    assert [(4, True), (8, False)] == [(row["sample"], row["changed"]) for row in found["rows"]]
    first = found["rows"][0]
    assert ("b", "a", "b") == (first["source"], first["variant"], first["target"])


def test_blocks_do_not_matter_and_few_are_listed():
    """Of equal errors the first samples."""
    expected = np.zeros((20, 2))
    output = expected + 1.0

    assert list(range(LISTED)) == [row["sample"] for row in recorded(expected, output)["rows"]]
    assert recorded(expected, output, block=20) == recorded(expected, output, block=1)


def test_nothing_is_recorded_where_nothing_differs():
    """Of the float variant, say."""
    assert recorded(np.ones((4, 2)), np.ones((4, 2))) is None


def test_an_output_without_classes_shows_its_values():
    """What is not finite is the worst."""
    whole = Samples({"x": np.zeros((2, 1))}, {"y": np.asarray([[1.5], [2.5]])}, None, "regression")
    worst = WorstSamples(whole, [], ["value"])
    worst.add(0, np.asarray([[1.0], [2.0]]), np.asarray([[1.25], [np.nan]]), whole)

    first, second = worst.measures()["rows"]
    assert (1, np.inf, None) == (first["sample"], first["error"], first["changed"])
    assert ([1.0], [1.25], [1.5]) == (second["source"], second["variant"], second["target"])
