from __future__ import annotations

import zipfile

import keras
import numpy as np
import zoo

from litemill.models import keras_file


def test_the_same_model_gives_the_same_bytes(tmp_path):
    """Keras alone writes the time, and addresses of objects."""
    model = zoo.cnn()
    for name in ("a", "b"):
        keras_file.save_keras_file(model, tmp_path / f"{name}.keras")

    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_shared_objects_are_numbered(tmp_path):
    """Two layers with one initializer still share it."""
    files = []
    for name in ("a", "b"):
        initializer = keras.initializers.RandomNormal(seed=1)
        layers = [keras.layers.Dense(2, kernel_initializer=initializer, name=n) for n in "xy"]
        model = keras.Sequential([keras.Input((2,), name="in"), *layers], name="m")
        files.append(tmp_path / f"{name}.keras")
        keras_file.save_keras_file(model, files[-1])

    assert files[0].read_bytes() == files[1].read_bytes()


def test_keras_loads_it_again(tmp_path):
    """With the same weights; the time of every entry is the earliest one."""
    path = tmp_path / "m.keras"
    keras_file.save_keras_file(zoo.cnn(), path)
    for expected, found in zip(
        zoo.cnn().get_weights(), keras.models.load_model(path).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(expected, found)
    with zipfile.ZipFile(path) as archive:
        assert {(1980, 1, 1, 0, 0, 0)} == {entry.date_time for entry in archive.infolist()}
