"""A multilayer perceptron for tabular regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def build(*, features: int, units: list[int]) -> keras.Model:
    """Give the untrained network: input `features` float32 [n, features], output [n, 1]."""
    import keras

    inputs = keras.Input((features,), name="features")
    hidden = inputs
    for count in units:
        hidden = keras.layers.Dense(count, activation="relu")(hidden)
    progression = keras.layers.Dense(1, name="progression")(hidden)
    return keras.Model(inputs, progression, name="diabetes_mlp")
