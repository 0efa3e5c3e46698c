"""What params.yaml chooses is sound, and model and data fit together."""

from pathlib import Path

import numpy as np
import pytest
from litemill.config.instantiate import instantiate
from litemill.pipeline.configure import configure


@pytest.fixture(scope="module")
def parameters():
    """Compose and check the configuration, as `litemill configure` does."""
    return configure(Path(__file__).parents[1])


@pytest.fixture(scope="module")
def dataset(parameters, tmp_path_factory):
    """Load the data."""
    section = parameters["prepare"]
    scratch = tmp_path_factory.mktemp("samples")  # where loaders put what they unpack
    return instantiate(section["load"], "data.load", task=section["task"], scratch=scratch)


def test_inputs_are_finite(dataset):
    assert all(np.isfinite(values[:]).all() for values in dataset.inputs.values())


def test_model_takes_the_data(parameters, dataset):
    build = parameters["train"]["model"]["build"]
    if build is None:
        pytest.skip("the model is a file or a function, which the build compares with the data")
    model = instantiate(build, "model.build")

    expected = sorted(tuple(tensor.shape[1:]) for tensor in model.inputs)

    assert expected == sorted(tuple(values.shape[1:]) for values in dataset.inputs.values())
