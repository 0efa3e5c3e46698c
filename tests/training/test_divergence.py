"""Training that diverges ends at once, in one line, with nothing written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zoo

from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Fit, Model, Train
from litemill.core.errors import ModelError
from litemill.data.samples import Samples
from litemill.training.fit import train_model

FIT = Fit(
    epochs=3,
    batch_size=8,
    validation=0.0,
    steps_per_execution=1,
    optimizer={"_target_": "keras.optimizers.SGD", "learning_rate": 0.01},
)


def samples(target=None, count=40):
    """Return samples of a line, some targets replaced."""
    features = zoo.batch_of((6,), count)
    values = features.sum(axis=1, keepdims=True)
    for row, value in (target or {}).items():
        values[row] = value
    return Samples({"features": features}, {"target": values}, None, "regression")


def train(folder, data, fit=FIT):
    """Train a small model, which must diverge; the error."""
    options = Train(model=Model(build={"_target_": "zoo.dense"}), fit=fit, task="regression")
    with pytest.raises(ModelError) as caught:
        train_model(options, data, folder, Numerics())
    return caught.value


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_loss_that_is_no_number_stops_training_at_its_step(tmp_path, value):
    """In the first epoch already, and what was trained before is still there."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "before").touch()

    error = train(tmp_path / "train", samples(dict.fromkeys(range(40), value)))

    assert "train: epoch 1, step 1" == error.place
    assert f"training diverged, loss is {value}" == error.found
    assert 1 == len(str(error).splitlines())
    assert ["train/before"] == [p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("*/*")]


def test_steps_that_are_one_execution_are_named_together(tmp_path):
    """Nobody can tell which of them it was; the last execution may have fewer."""
    fit = replace(FIT, steps_per_execution=4)

    error = train(tmp_path / "train", samples({0: np.nan}, count=48), fit)

    assert error.place in ("train: epoch 1, steps 1 to 4", "train: epoch 1, steps 5 to 6")


def test_step_is_counted_within_its_epoch(tmp_path):
    """A learning rate that is far too large needs some steps."""
    optimizer = {"_target_": "keras.optimizers.SGD", "learning_rate": 1e6}

    error = train(tmp_path / "train", samples(), replace(FIT, optimizer=optimizer))

    epoch, step = (int(part.split()[-1]) for part in error.place.split(","))
    assert 1 <= epoch <= 3
    assert 2 <= step <= 5
    assert not (tmp_path / "train").exists()


def test_last_step_that_spoils_the_weights_is_noticed(tmp_path):
    """Its loss was still finite."""
    optimizer = {"_target_": "keras.optimizers.SGD", "learning_rate": 3e38}
    fit = replace(FIT, epochs=1, batch_size=40, optimizer=optimizer)

    error = train(tmp_path / "train", samples({0: 1e6}), fit)

    assert "train: epoch 1, step 1" == error.place
    assert error.found.endswith("has values that are not finite")


def test_validation_loss_that_is_no_number_stops_training_after_its_epoch(tmp_path):
    """Where only a sample that is held out has no number."""
    fit = replace(FIT, validation=0.5, epochs=2)
    held = np.random.default_rng(fit.seed).permutation(40)[:20]

    error = train(tmp_path / "train", samples({int(held[0]): np.nan}), fit)

    assert error.place.startswith("train: epoch 1, step ")
    assert "training diverged, val_loss is nan" == error.found
