"""A small convolutional network for 8 x 8 grey images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def build(*, filters: list[int], units: int, dropout: float, classes: int) -> keras.Model:
    """Give the untrained network: input `image` float32 [n, 8, 8, 1], output `digit` [n, classes].

    The output is logits, and there is no BatchNormalization: softmax and reciprocal square roots
    are approximated differently by different processors, so that training would give other weights.
    """
    import keras

    image = keras.Input((8, 8, 1), name="image")
    hidden = image
    for count in filters:
        hidden = keras.layers.Conv2D(count, 3, padding="same", activation="relu")(hidden)
    hidden = keras.layers.MaxPooling2D()(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    hidden = keras.layers.Dense(units, activation="relu")(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    digit = keras.layers.Dense(classes, name="digit")(hidden)
    return keras.Model(image, digit, name="digits_cnn")
