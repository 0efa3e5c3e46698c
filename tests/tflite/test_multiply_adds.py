"""Multiply-adds, judged by the formulas of layers and by a figure of the literature."""

from __future__ import annotations

import pytest
import tensorflow as tf
from zoo_keras import quiet_keras

from litemill.tflite.multiply_adds import multiply_adds


def converted(*layers, shape, batch=None):
    """Convert a Keras model of some layers to float32."""
    keras = quiet_keras()
    model = keras.Sequential([keras.layers.Input(shape, batch_size=batch), *layers])
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_layers_count_by_their_formulas(batch):
    """Per sample, whatever the batch size of the file."""
    layers = quiet_keras().layers
    counts = {
        layers.Conv2D(5, 3): 6 * 6 * 5 * 3 * 3 * 4,
        layers.DepthwiseConv2D(3): 6 * 6 * 4 * 3 * 3,
        layers.Conv2DTranspose(5, 3): 8 * 8 * 4 * 3 * 3 * 5,
    }
    for layer, expected in counts.items():
        assert expected == multiply_adds(converted(layer, shape=(8, 8, 4), batch=batch)), layer
    dense = converted(layers.Dense(7), shape=(11,), batch=batch)
    assert 7 * 11 == multiply_adds(dense)
    assert 0 == multiply_adds(converted(layers.ReLU(), shape=(11,), batch=batch))


@pytest.mark.slow
def test_mobilenet_takes_300_million():
    """As its paper says: 300 M (Sandler et al., 2018, table 4)."""
    keras = quiet_keras()
    model = keras.applications.MobileNetV2(weights=None)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()

    assert 300.8 == round(multiply_adds(content) / 1e6, 1)
