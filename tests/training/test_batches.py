from __future__ import annotations

import keras
import numpy as np
import pytest
import zoo

from litemill.data.samples import Samples
from litemill.training import batches
from litemill.training.batches import BatchFeed

ROWS = np.arange(3, 23)


def samples():
    """Give 30 samples that tell which they are: inputs i, targets 100 + i."""
    told = np.arange(30, dtype=np.float32)
    return Samples({"x": told[:, None]}, {"y": 100 + told}, None, "regression")


def model():
    """Give a model that takes them."""
    return keras.Sequential([keras.Input((1,), name="x"), keras.layers.Dense(1)])


def epoch(dataset):
    """Give the rows of each batch, by its inputs and by its targets."""
    read = [(x[:, 0].tolist(), (y - 100).tolist()) for x, y in dataset.as_numpy_iterator()]
    assert [x for x, _ in read] == [y for _, y in read]
    return [x for x, _ in read]


@pytest.mark.parametrize("block", [1, 8 * 7 * 2, 8 * 7 * 2 + 1, batches.BLOCK])
def test_each_row_comes_once_an_epoch_in_batches_of_the_size(monkeypatch, block):
    """However many batches a block of so many bytes has; only the last batch is smaller."""
    monkeypatch.setattr(batches, "BLOCK", block)
    fed = BatchFeed(model(), samples(), ROWS, 7).dataset()

    assert [[*ROWS[:7]], [*ROWS[7:14]], [*ROWS[14:]]] == epoch(fed)
    assert 3 == fed.cardinality()


def test_the_order_is_seeded_and_another_every_epoch(monkeypatch):
    """Also where an epoch has several blocks."""
    monkeypatch.setattr(batches, "BLOCK", 1)
    orders = []
    for _ in range(2):
        fed = BatchFeed(model(), samples(), ROWS, 7, seed=5)
        dataset = fed.dataset()
        for _ in range(3):
            fed.shuffle()
            orders.append(epoch(dataset))

    assert orders[:3] == orders[3:]
    assert 3 == len({str(order) for order in orders})
    for order in orders:
        assert [7, 7, 6] == [len(batch) for batch in order]
        assert [*ROWS] == sorted(row for batch in order for row in batch)


def test_tensors_have_the_structure_of_the_model():
    """Several inputs and outputs by name; without targets, the inputs."""
    left, right = zoo.batch_of((6,), 40), zoo.batch_of((4,), 40)
    several = Samples({"left": left, "right": right}, {}, None, "none")
    inputs, targets = BatchFeed(zoo.two_in_three_out(), several, np.arange(40), 8).first()

    assert {"left": (8, 6), "right": (8, 4)} == {name: t.shape for name, t in inputs.items()}
    assert {"left", "right"} == set(targets)
