from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import zoo

from litemill import metrics
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Fit, Model, Train
from litemill.core.errors import ConfigError, ModelError
from litemill.core.files import read_json
from litemill.data.samples import Samples
from litemill.models.kinds import open_model
from litemill.pipeline import code_digest
from litemill.training.batches import BatchFeed
from litemill.training.fit import build_model, check_samples, train_model
from litemill.training.objective import objective

OPTIMIZER = {"_target_": "keras.optimizers.Adam", "learning_rate": 0.05}
FIT = Fit(epochs=3, batch_size=8, optimizer=OPTIMIZER)


def digits(classes=10):
    """Give 40 samples that zoo.cnn takes."""
    images = zoo.batch_of((8, 8, 1), 40)
    labels = np.arange(40) % classes
    names = tuple(map(str, range(classes)))
    return Samples({"image": images}, {"target": labels}, names, "classification")


def rows(count=40):
    """Give samples of a line, which zoo.dense can learn."""
    features = zoo.batch_of((6,), count)
    target = features.sum(axis=1, keepdims=True)
    return Samples({"features": features}, {"target": target}, None, "regression")


def options(target, task, fit=FIT):
    """Return the options for a model of the zoo."""
    return Train(model=Model(build={"_target_": target}), fit=fit, task=task)


def history(folder):
    """Read the history's rows."""
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_training_makes_the_model_better(tmp_path):
    """Regression, with mean squared error unless another loss is configured."""
    train_model(options("zoo.dense", "regression"), rows(), tmp_path, Numerics())
    losses = [float(row["loss"]) for row in history(tmp_path)]

    assert 3 == len(losses)
    assert losses[-1] < losses[0] / 2
    assert losses[-1] == read_json(tmp_path / "metrics.json")["loss"]
    assert "keras" == open_model(tmp_path).name


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_at_once_give_the_same_weights(tmp_path, monkeypatch, steps):
    """With dropout, and a number of batches that they do not divide."""
    monkeypatch.setattr(zoo, "dropping", dropping, raising=False)

    def weights(steps_per_execution):
        keras.utils.set_random_seed(0)
        fit = replace(FIT, steps_per_execution=steps_per_execution)
        out = tmp_path / str(steps_per_execution)
        train_model(options("zoo.dropping", "regression", fit), rows(), out, Numerics())
        return [(out / "history.csv").read_text(), *open_model(out).load_keras().get_weights()]

    whole = weights(16)
    for one, other in zip(whole, weights(steps), strict=True):
        np.testing.assert_array_equal(one, other)


def test_classification_has_a_loss_on_logits_and_an_accuracy(tmp_path):
    """And a held out share of the train split."""
    train_model(options("zoo.cnn", "classification"), digits(), tmp_path, Numerics())

    assert {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"} == set(history(tmp_path)[0])


def test_inputs_and_outputs_of_several_are_matched_by_name(tmp_path):
    """Targets have the names of the outputs."""
    inputs = {"left": zoo.batch_of((6,), 40), "right": zoo.batch_of((4,), 40)}
    targets = {
        name: zoo.batch_of((size,), 40) for name, size in (("total", 3), ("apart", 5), ("one", 1))
    }
    samples = Samples(inputs, targets, None, "regression")
    train_model(options("zoo.two_in_three_out", "regression"), samples, tmp_path, Numerics())

    assert "total_loss" in history(tmp_path)[0]


def test_an_imported_model_is_not_trained(tmp_path, capsys):
    """Its history is empty."""
    zoo.dense().save(tmp_path / "given.keras")
    asked = Train(model=Model(file=str(tmp_path / "given.keras")), task="regression")
    train_model(asked, rows(), tmp_path / "out", Numerics())

    assert "train: nothing to train, the model is a Keras file" in capsys.readouterr().out
    assert ([], {}) == (history(tmp_path / "out"), read_json(tmp_path / "out" / "metrics.json"))


def test_a_target_that_is_no_model_is_refused():
    """Or does not exist."""
    with pytest.raises(ModelError, match=r"returned a ndarray; expected a keras\.Model"):
        build_model({"_target_": "numpy.zeros", "shape": 2})
    with pytest.raises(ConfigError, match="no 'modle'"):
        build_model({"_target_": "keras.modle"})


@pytest.mark.parametrize(
    ("model", "samples", "told"),
    [
        (zoo.cnn, rows, "input image: the data has shape [6] a sample; the model takes [8, 8, 1]"),
        (zoo.cnn, lambda: digits(7), "10 values for 7 classes; expected a value for each class"),
        (zoo.two_in_three_out, rows, "the data has the inputs features; the model takes left, ri"),
    ],
)
def test_data_that_does_not_fit_is_told(model, samples, told):
    """Before anything is trained."""
    with pytest.raises(ModelError) as caught:
        check_samples(model(), samples())

    assert told in str(caught.value)


def test_a_target_of_another_shape_is_told():
    """Keras would broadcast it."""
    samples = Samples(rows().inputs, {"target": np.zeros((40, 2))}, None, "regression")
    with pytest.raises(ModelError, match=r"shape \[1\], the target's \[2\]"):
        check_samples(zoo.dense(), samples)


def test_a_task_without_targets_needs_a_loss(tmp_path):
    """Nothing follows from it."""
    with pytest.raises(ConfigError, match="null for a task without targets; expected a loss"):
        train_model(options("zoo.dense", "none"), rows(), tmp_path, Numerics())

    assert [] == list(tmp_path.glob("*"))


def test_each_epoch_takes_all_rows_in_another_order(tmp_path, monkeypatch):
    """The order of an epoch is drawn before its first batch is read."""
    read, orders = BatchFeed._read, []
    monkeypatch.setattr(
        BatchFeed, "_read", lambda self, rows: orders.append(rows) or read(self, rows)
    )
    fit = replace(FIT, validation=0.0)
    train_model(options("zoo.dense", "regression", fit), rows(), tmp_path, Numerics())

    epochs = [[*order] for order in orders if len(order) == len(rows())][-3:]
    assert [[*range(40)]] * 3 == [sorted(order) for order in epochs]
    assert 3 == len({tuple(order) for order in epochs})


def dropping():
    """Return a Keras model with dropout: `features` [6] to one number."""
    return keras.Sequential(
        [keras.Input((6,), name="features"), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )


def head(units=3, activation=None):
    """Return a Keras model of one layer: `x` [2] to `digit`."""
    layer = keras.layers.Dense(units, activation=activation, name="digit")
    return keras.Sequential([keras.Input((2,), name="x"), layer])


def with_layer(layer):
    """Return a Keras model that ends in a layer of its own."""
    return keras.Sequential([keras.Input((3,), name="x"), layer])


def loss(model):
    """Return the loss that follows from the task."""
    return objective(model, "classification", FIT)["loss"]


@pytest.mark.parametrize(
    ("model", "kind", "logits"),
    [
        (head(), "sparse_categorical_crossentropy", True),
        (head(3, "softmax"), "sparse_categorical_crossentropy", False),
        (with_layer(keras.layers.Softmax()), "sparse_categorical_crossentropy", False),
        (head(1), "binary_crossentropy", True),
        (head(1, "sigmoid"), "binary_crossentropy", False),
    ],
)
def test_the_loss_follows_from_the_output(model, kind, logits):
    """Probabilities are no logits; one value tells two classes apart."""
    found = loss(model)

    assert (kind, logits) == (found.name, found.get_config()["from_logits"])


def test_each_of_several_outputs_has_a_loss_of_its_own():
    """By its own activation, not by that of the last layer."""
    x = keras.Input((2,), name="x")
    one = keras.layers.Dense(1, activation="sigmoid", name="one")(x)
    ten = keras.layers.Dense(10, name="ten")(x)
    found = loss(keras.Model(x, {"ten": ten, "one": one}))

    assert {
        "one": ("binary_crossentropy", False),
        "ten": ("sparse_categorical_crossentropy", True),
    } == {name: (each.name, each.get_config()["from_logits"]) for name, each in found.items()}


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_a_model_with_one_value_learns_two_classes(tmp_path, monkeypatch, activation):
    """Its accuracy is that of the sides of a probability of one half."""
    x = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    labels = (x[:, 0] > x[:, 1]).astype(np.int64)
    samples = Samples({"x": x}, {"target": labels}, ("no", "yes"), "classification")
    monkeypatch.setattr(zoo, "binary", lambda: head(1, activation), raising=False)
    fit = Fit(epochs=12, batch_size=8, optimizer=OPTIMIZER)

    train_model(options("zoo.binary", "classification", fit), samples, tmp_path, Numerics())

    last = history(tmp_path)[-1]
    answers = open_model(tmp_path).load_keras().predict(x, verbose=0)
    right = metrics.binary(answers, labels, threshold=0.5 if activation else 0.0).mean()
    assert float(last["loss"]) < 0.5
    assert float(last["val_accuracy"]) > 0.8
    assert right > 0.9


def test_one_value_is_too_few_for_three_classes():
    """Two it can tell apart."""
    samples = Samples({"x": np.zeros((3, 2))}, {"t": np.arange(3)}, tuple("abc"), "classification")

    with pytest.raises(
        ModelError, match="1 value for 3 classes; expected a value for each class, or"
    ):
        check_samples(head(1), samples)


def test_the_highest_of_one_value_is_no_metric(tmp_path):
    """Refused before anything is trained, not when the first variant is validated."""
    metric = {"output": None, "score": {"_target_": "litemill.metrics.top1"}}
    with pytest.raises(
        ConfigError, match=r"top1, and the model has a single value .* litemill\.metrics\.binary"
    ):
        train_model(options("zoo.dense", "classification"), digits(2), tmp_path, Numerics(), metric)


def test_training_reaches_no_code_that_converts():
    """So that an edit of that code never trains anew."""
    reached = code_digest.modules("train", Path(__file__).parents[2], [])

    assert "litemill.models.kinds" in reached
    assert [] == [name for name in reached if name.startswith("litemill.conversion")]
