"""Small real Keras models, of one or two layers each, and inputs for them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

KEY = "serving_default"
IMAGE = (8, 8, 1)


def cnn() -> Any:
    """Return a Keras model: image [8, 8, 1] to 10 logits, with weights above and below 1,024."""
    keras = quiet_keras()
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.layers.Input(IMAGE, name="image"),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(10, name="digit"),
        ]
    )


def dense(units: int = 4, features: int = 6) -> Any:
    """Return a Keras model: 6 features to 1 number, with fewer than 1,024 weights in a layer."""
    keras = quiet_keras()
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.layers.Input((features,), name="features"),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, name="value"),
        ]
    )


def softmax() -> Any:
    """Return a Keras model that is nothing but a softmax: `x` [4] to `share` [4]."""
    keras = quiet_keras()
    given = keras.Input((4,), name="x")
    return keras.Model(given, keras.layers.Softmax(name="share")(given))


def two_in_three_out() -> Any:
    """Return a Keras model: `left` [6], `right` [4] to `total` [3], `apart` [5] and `one` [1]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(3)
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {
        "total": keras.layers.Dense(3, name="total")(both),
        "apart": keras.layers.Dense(5, name="apart")(left),
        "one": keras.layers.Dense(1, name="one")(right),
    }
    return keras.Model([left, right], outputs)


def with_island() -> Any:
    """Return a Keras model whose `Sin` has no integer kernel."""
    keras = quiet_keras()
    keras.utils.set_random_seed(4)
    image = keras.Input(IMAGE, name="image")
    inner = keras.layers.Conv2D(8, 3, activation="relu")(image)
    inner = keras.ops.sin(inner)
    inner = keras.layers.Flatten()(inner)
    return keras.Model(image, keras.layers.Dense(10, name="digit")(inner))


def sequence() -> Any:
    """Return a Keras model of sequences of any length: `steps` [any, 3] to `value` [2]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(5)
    steps = keras.Input((None, 3), name="steps")
    inner = keras.layers.Conv1D(4, 3, padding="same", activation="relu")(steps)
    inner = keras.layers.GlobalAveragePooling1D()(inner)
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def embedding() -> Any:
    """Return a Keras model of integers: `words` int32 [6] to `value` [2]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(6)
    words = keras.Input((6,), dtype="int32", name="words")
    inner = keras.layers.Flatten()(keras.layers.Embedding(20, 4)(words))
    return keras.Model(words, keras.layers.Dense(2, name="value")(inner))


def recurrent(kind: str) -> Any:
    """Return a Keras model with an LSTM or a GRU: `steps` [6, 3] to `value` [2]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(7)
    steps = keras.Input((6, 3), name="steps")
    inner = getattr(keras.layers, kind)(8)(steps)
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def convolutions() -> Any:
    """Return a Keras model with a depthwise and a transposed convolution: `image` to `picture`."""
    keras = quiet_keras()
    keras.utils.set_random_seed(8)
    image = keras.Input(IMAGE, name="image")
    inner = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    inner = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(inner)
    picture = keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same", name="picture")
    return keras.Model(image, picture(inner))


def attention() -> Any:
    """Return a Keras model with attention: `steps` [6, 8] to `value` [2]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(9)
    steps = keras.Input((6, 8), name="steps")
    inner = keras.layers.MultiHeadAttention(2, 4)(steps, steps)
    inner = keras.layers.Flatten()(keras.layers.LayerNormalization()(inner))
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def fixed() -> Any:
    """Return a Keras model of a fixed batch size: `features` [4, 6] to `value` [1]."""
    keras = quiet_keras()
    keras.utils.set_random_seed(10)
    features = keras.Input(batch_shape=(4, 6), name="features")
    return keras.Model(features, keras.layers.Dense(1, name="value")(features))


def batch_of(
    shape: tuple[int | None, ...], count: int, *, dtype: str = "float32", seed: int = 0
) -> Any:
    """Return `count` samples, the same for the same seed: in [0, 1), or whole numbers below 5."""
    sizes = [count, *(6 if size is None else size for size in shape)]
    source = np.random.default_rng(seed)
    if dtype == "float32":
        return source.random(sizes, dtype=np.float32)
    return source.integers(0, 5, sizes, dtype=dtype)


def quiet_keras() -> Any:
    """Import Keras; TensorFlow then says nothing of its own, and computes without oneDNN."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import keras

    return keras
