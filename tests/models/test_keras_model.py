from __future__ import annotations

import zipfile

import keras
import numpy as np
import pytest
import zoo

from litemill.core.errors import ModelError
from litemill.models import custom_objects, keras_model

LAYERS = """
import keras

class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def _private(x):
    return x
"""


@pytest.fixture
def layers(tmp_path, monkeypatch):
    """Give a module with a layer of its own, as a user has it beside the model."""
    (tmp_path / "mylayers.py").write_text(LAYERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "mylayers"


@pytest.fixture(params=["keras", "h5"])
def saved(request, tmp_path):
    """Give a small model's file in each format."""
    path = tmp_path / f"model.{request.param}"
    zoo.dense().save(path)
    return path


def lambdas(tmp_path, suffix):
    """Save a model with a Lambda layer inside of another model."""
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1, name="plus")])
    path = tmp_path / f"lambda.{suffix}"
    keras.Sequential([keras.Input((2,), name="x"), inner]).save(path)
    return path


def test_load_reads_both_formats(saved):
    """With their weights."""
    model = keras_model.load_keras_file(saved)

    for expected, found in zip(zoo.dense().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, found)


def test_a_missing_file_is_told(tmp_path):
    """In one line."""
    with pytest.raises(ModelError) as caught:
        keras_model.load_keras_file(tmp_path / "none.h5")

    assert f"{tmp_path}/none.h5: no such file; expected a .keras or .h5 file" == str(caught.value)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "other", "empty"])
def test_damaged_files_are_refused_in_one_line(saved, damage):
    """Whatever zlib, HDF5 and JSON make of them."""
    content = bytearray(saved.read_bytes())
    if damage == "flipped":
        for place in range(0, 2000, 7):
            content[place] ^= 0x10
    saved.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "flipped": content,
            "other": b"GIF89a" + bytes(300),
            "empty": b"",
        }[damage]
    )
    with pytest.raises(ModelError) as caught:
        keras_model.load_keras_file(saved)

    assert str(caught.value).startswith(f"{saved}: ")
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_among_the_weights_of_a_keras_file_is_found(tmp_path):
    """By the checksums of the archive, which Keras does not look at."""
    path = tmp_path / "model.keras"
    zoo.cnn().save(path)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("model.weights.h5").header_offset + 1_000
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"Bad CRC-32 for file 'model\.weights"):
        keras_model.load_keras_file(path)


def test_weights_alone_are_no_model(tmp_path):
    """A file of `save_weights` has no configuration."""
    path = tmp_path / "only.weights.h5"
    zoo.dense().save_weights(path)

    with pytest.raises(ModelError, match="expected a whole model, not weights alone"):
        keras_model.load_keras_file(path)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_lambda_layers_are_refused_by_name_and_loaded_when_allowed(tmp_path, suffix):
    """However deep: they are code inside of the file."""
    path = lambdas(tmp_path, suffix)
    with pytest.raises(ModelError) as caught:
        keras_model.load_keras_file(path)

    told = "Lambda layers, which are code inside of the file: plus; `allow_lambda` runs it"
    assert f"{path}: {told}, with your rights" == str(caught.value)
    model = keras_model.load_keras_file(path, allow_lambda=True)
    np.testing.assert_array_equal([[2.0, 3.0]], model(np.array([[1.0, 2.0]])))


@pytest.mark.parametrize("suffix", ["h5", "hdf5"])
def test_a_zip_behind_an_h5_file_hides_no_lambda_layer(tmp_path, suffix):
    """Keras goes by the suffix and runs the code of the HDF5 part, whatever the zip part says."""
    path = lambdas(tmp_path, "h5").rename(tmp_path / f"model.{suffix}")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")

    with pytest.raises(ModelError) as caught:
        keras_model.refuse_lambda(path, allow_lambda=False)

    told = "a zip archive by another name; expected the suffix .keras for it"
    assert f"{path}: {told}" == str(caught.value)


def test_an_h5_part_in_a_keras_file_hides_no_lambda_layer(tmp_path):
    """The other way round: the zip part is what Keras reads."""
    path = tmp_path / "model.keras"
    dense = tmp_path / "dense.h5"
    zoo.dense().save(dense)
    path.write_bytes(dense.read_bytes() + lambdas(tmp_path, "keras").read_bytes())

    with pytest.raises(ModelError, match="Lambda layers"):
        keras_model.refuse_lambda(path, allow_lambda=False)


def test_layers_of_a_module_are_found(tmp_path, layers):
    """And without it, the error says what to name."""
    module = __import__(layers)
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((2,), name="x"), module.Twice()]).save(path)

    with pytest.raises(ModelError, match="name the module of its layers in `custom_objects`"):
        keras_model.load_keras_file(path)
    model = keras_model.load_keras_file(path, custom_objects=[layers])
    np.testing.assert_array_equal([[2.0, 4.0]], model(np.array([[1.0, 2.0]])))


def test_collect_takes_what_a_module_defines(layers):
    """Not what it imports."""
    assert {"Twice", "_private"} == set(custom_objects.import_custom_objects([layers]))
    with pytest.raises(ModelError, match="custom_objects: nowhere: No module named 'nowhere'"):
        custom_objects.import_custom_objects(["nowhere"])


def test_what_keras_3_refuses_of_keras_2_is_told_shortly():
    """Not with the whole configuration of the layer."""
    with pytest.raises(ModelError) as caught:
        keras_model.load_keras_file(zoo.keras_2())

    assert "DepthwiseConv2D: {'groups': 1}" in str(caught.value)
    assert len(str(caught.value)) < 400
