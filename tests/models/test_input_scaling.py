"""Models that scale their inputs themselves."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from litemill.data.samples import Samples
from litemill.models.input_scaling import scaled_twice, scaling_of

SHAPE = (32, 32, 3)


def layers(*first, shape=SHAPE):
    """Build a model of layers before a convolution."""
    return keras.Sequential(
        [keras.Input(shape, name="image"), *first, keras.layers.Conv2D(2, 3, padding="same")]
    )


def nested():
    """Build a model whose scaling is in a model of its own."""
    inner = layers(keras.layers.Rescaling(1 / 255))
    image = keras.Input(SHAPE, name="image")
    return keras.Model(image, inner(image))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: layers(keras.layers.Rescaling(1 / 255)), {"image": 1 / 255}),
        (lambda: layers(keras.layers.Normalization(mean=1.0, variance=100.0)), {"image": 0.1}),
        (nested, {"image": 1 / 255}),
        (layers, {}),
        (lambda: layers(keras.layers.Conv2D(3, 1), keras.layers.Rescaling(1 / 255)), {}),
    ],
)
def test_scaling_is_what_comes_before_the_first_weights(model, expected):
    """Also in a nested model; what is scaled later is no input."""
    assert expected == pytest.approx(scaling_of(model()))


@pytest.mark.parametrize(
    ("name", "expected"), [("MobileNetV3Small", 2 / 255), ("MobileNetV2", None)]
)
def test_scaling_of_keras_applications(name, expected):
    """Some scale by themselves, others want `preprocess_input`."""
    model = getattr(keras.applications, name)(weights=None, input_shape=SHAPE)
    scales = list(scaling_of(model).values())
    assert scales == ([] if expected is None else [pytest.approx(expected)])


def test_inputs_that_are_scaled_twice_are_named():
    """Samples of 0 to 1 for a model that divides by 255; not those of 0 to 255."""
    values = np.linspace(0, 1, 30, dtype=np.float32).reshape(10, 3)
    scaling = scaling_of(layers(keras.layers.Rescaling(1 / 255)))
    (line,) = scaled_twice(scaling, Samples({"image": values}, {}, None, "none"))
    assert "input 'image' seems to be scaled twice: samples are 0 to 1" in line
    assert [] == scaled_twice(scaling, Samples({"image": values * 255}, {}, None, "none"))
    assert [] == scaled_twice(None, Samples({"image": values}, {}, None, "none"))
