from __future__ import annotations

import csv

import keras
import numpy as np
import pytest
import zoo

from stages.errors import ConfigError, ModelError
from stages.files import read_json
from stages.samples import Samples
from stages.schema.numerics import Numerics
from stages.schema.train import Fit, Model, Train
from stages.sources import Brought
from stages.train import build, check_fit, train

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
    """Ask for a model of the zoo."""
    return Train(model=Model(build={"_target_": target}), fit=fit, task=task)


def history(folder):
    """Read the history's rows."""
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_training_makes_the_model_better(tmp_path):
    """Regression, with mean squared error unless another loss is asked."""
    train(options("zoo.dense", "regression"), rows(), tmp_path, Numerics())
    losses = [float(row["loss"]) for row in history(tmp_path)]

    assert 3 == len(losses)
    assert losses[-1] < losses[0] / 2
    assert losses[-1] == read_json(tmp_path / "metrics.json")["loss"]
    assert Brought(tmp_path).is_keras()


def test_classification_has_a_loss_on_logits_and_an_accuracy(tmp_path):
    """And a held out share of the train split."""
    train(options("zoo.cnn", "classification"), digits(), tmp_path, Numerics())

    assert {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"} == set(history(tmp_path)[0])


def test_inputs_and_outputs_of_several_are_matched_by_name(tmp_path):
    """Targets have the names of the outputs."""
    inputs = {"left": zoo.batch_of((6,), 40), "right": zoo.batch_of((4,), 40)}
    targets = {
        name: zoo.batch_of((size,), 40) for name, size in (("total", 3), ("apart", 5), ("one", 1))
    }
    samples = Samples(inputs, targets, None, "regression")
    train(options("zoo.two_in_three_out", "regression"), samples, tmp_path, Numerics())

    assert "total_loss" in history(tmp_path)[0]


def test_an_imported_model_is_not_trained(tmp_path, capsys):
    """Its history is empty."""
    zoo.dense().save(tmp_path / "given.keras")
    asked = Train(model=Model(file=str(tmp_path / "given.keras")), task="regression")
    train(asked, rows(), tmp_path / "out", Numerics())

    assert "train: nothing to train, the model is a Keras file" in capsys.readouterr().out
    assert ([], {}) == (history(tmp_path / "out"), read_json(tmp_path / "out" / "metrics.json"))


def test_a_target_that_is_no_model_is_refused():
    """Or does not exist."""
    with pytest.raises(ModelError, match=r"returned a ndarray; expected a keras\.Model"):
        build({"_target_": "numpy.zeros", "shape": 2})
    with pytest.raises(ConfigError, match="no 'modle'"):
        build({"_target_": "keras.modle"})


@pytest.mark.parametrize(
    ("model", "samples", "told"),
    [
        (zoo.cnn, rows, "input image: the data has shape [6] a sample; the model takes [8, 8, 1]"),
        (zoo.cnn, lambda: digits(7), "10 values for 7 classes; expected one value a class"),
        (zoo.two_in_three_out, rows, "the data has the inputs features; the model takes left, ri"),
    ],
)
def test_data_that_does_not_fit_is_told(model, samples, told):
    """Before anything is trained."""
    with pytest.raises(ModelError) as caught:
        check_fit(model(), samples())

    assert told in str(caught.value)


def test_a_target_of_another_shape_is_told():
    """Keras would broadcast it."""
    samples = Samples(rows().inputs, {"target": np.zeros((40, 2))}, None, "regression")
    with pytest.raises(ModelError, match=r"gives \[1\], the target is \[2\]"):
        check_fit(zoo.dense(), samples)


def test_a_task_without_targets_needs_a_loss(tmp_path):
    """Nothing follows from it."""
    with pytest.raises(ConfigError, match="null for a task without targets; expected a loss"):
        train(options("zoo.dense", "none"), rows(), tmp_path, Numerics())

    assert not Brought(tmp_path).keras.exists()


def test_the_loss_knows_a_softmax():
    """Probabilities are no logits."""
    from stages.train import _loss

    soft = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, activation="softmax", name="digit")]
    )

    assert _loss(zoo.cnn(), "classification", FIT).get_config()["from_logits"]
    assert not _loss(soft, "classification", FIT).get_config()["from_logits"]
