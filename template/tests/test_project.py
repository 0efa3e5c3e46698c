"""The project itself: what params.yaml chooses is sound, and model and data fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litemill.pipeline.configure import configure
from litemill.data.dataset import Dataset
from litemill.config.instantiate import instantiate

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def chosen():
    """Give the resolved parameters, as `dvc repro configure` writes them."""
    return configure(ROOT)


@pytest.fixture(scope="module")
def data(chosen):
    """Give the data set that params.yaml chooses."""
    asked = chosen["prepare"]
    return instantiate(asked["load"], "data.load", task=asked["task"])


def test_the_data_are_finite_numbers(data):
    """Every sample of every input."""
    assert isinstance(data, Dataset)
    assert all(np.isfinite(rows[:]).all() for rows in data.inputs.values())


def test_the_model_takes_the_data(chosen, data):
    """Inputs of the same shape, and outputs that are finite, before any training."""
    if chosen["train"]["model"]["build"] is None:
        pytest.skip("the model is a file: `dvc repro` holds it against the data")
    model = instantiate(chosen["train"]["model"]["build"], "model.build")
    shapes = sorted(tuple(one.shape[1:]) for one in model.inputs)
    samples = {name: np.asarray(rows[:2]) for name, rows in data.inputs.items()}

    assert sorted(rows.shape[1:] for rows in samples.values()) == shapes
    fed = samples if len(samples) > 1 else next(iter(samples.values()))
    answers = model.predict(fed, verbose=0)
    every = answers.values() if isinstance(answers, dict) else [answers]
    assert all(np.isfinite(one).all() for one in np.atleast_1d(*every))
