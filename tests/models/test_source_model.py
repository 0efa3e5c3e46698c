from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo

from litemill.config.schema.train import Model
from litemill.config.schema.variant import Variant
from litemill.conversion.convert import convert_variant
from litemill.conversion.routes import Source
from litemill.core.errors import LitemillError, ModelError
from litemill.core.files import tree_files
from litemill.models import saved_model
from litemill.models.source_model import StoredModel, import_model
from litemill.tflite.interpreter import Model as LiteRT

MODULE = """
import tensorflow as tf
from mymodels.parts import FACTOR

class Scale(tf.Module):
    def __init__(self):
        super().__init__()
        self.weights = tf.Variable([FACTOR])

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
    def scale(self, x):
        return {"y": x * self.weights}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
    def halve(self, x):
        return {"y": x / 2.0}

def module():
    return Scale()

KEPT = Scale()

def function():
    return KEPT.scale

def loose():
    return tf.function(lambda x: x)

def number():
    return 7

import keras

class Twice(keras.layers.Layer):
    def call(self, x):
        return FACTOR * x
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give a project's folder with a module that defines functions and a layer."""
    folder = tmp_path / "mymodels"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "parts.py").write_text("FACTOR = 2.0\n")
    (folder / "code.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def brought(project, **options):
    """Bring a model; (where it is, what was said)."""
    out = StoredModel(project / "out")
    return out, import_model(Model(**options), out)


def answers(saved, key, x):
    """Call a signature of a SavedModel."""
    return saved_model.load_signature(saved, key)(x=tf.constant(x, tf.float32))["y"].numpy()


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5"])
def test_a_keras_file_becomes_the_pipelines_own(project, suffix):
    """With the same weights."""
    zoo.dense().save(f"given.{suffix}")
    out, told = brought(project, file=f"given.{suffix}")

    assert f"a Keras file, given.{suffix} (Keras {keras.__version__})" == told
    assert out.is_keras()
    for expected, found in zip(
        zoo.dense().get_weights(), out.load_keras().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(expected, found)


def test_a_keras_2_file_becomes_a_saved_model(project):
    """Through Keras 2, in a process of its own; and can be given another batch size there."""
    out, told = brought(project, file=str(zoo.keras_2()))
    signature = saved_model.describe_signature(
        saved_model.load_signature(out.saved_model, zoo.KEY), zoo.KEY
    )
    source = Source(out.saved_model, out, signature)
    done = convert_variant("v", Variant(batch=2), source, None)

    assert told.endswith("(through Keras 2, since Keras 3 refuses it)")
    assert not out.is_keras()
    assert zoo.KEY == out.exported_key()
    assert zoo.SIGNATURE == signature
    assert (2, 8, 8, 1) == done.found.inputs[0].shape
    image = zoo.batch_of((8, 8, 1), 4)
    np.testing.assert_allclose(
        saved_model.load_signature(out.saved_model, zoo.KEY)(image=tf.constant(image))["digit"],
        LiteRT(done.content).run({"image": image})["digit"],
        atol=1e-5,
    )


def test_a_saved_model_is_copied_with_one_signature_chosen(project):
    """Without the random number that nothing needs."""
    out, told = brought(project, file=str(zoo.module_saved()), signature="double")

    assert f"a SavedModel, {zoo.module_saved()}" == told
    assert "double" == out.exported_key()
    assert "fingerprint.pb" not in tree_files(out.saved_model)
    np.testing.assert_array_equal([[2, 4, 8]], answers(out.saved_model, "double", [[1, 1, 1]]))


@pytest.mark.parametrize(
    ("target", "signature", "expected"),
    [("module", "scale", 8.0), ("module", "halve", 2.0), ("function", "anything", 8.0)],
)
def test_a_function_is_called_by_name(project, target, signature, expected):
    """A module's functions by the signature's name; a function of its own has that name after."""
    function = {"_target_": f"mymodels.code.{target}"}
    out, told = brought(project, function=function, signature=signature)

    assert f"a function of mymodels.code.{target}" == told
    assert expected == answers(out.saved_model, signature, [[4, 4, 4]])[0, 0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"file": "none.h5"}, "none.h5: no such file; expected a .keras or .h5 file"),
        ({"file": "mymodels"}, "mymodels: no saved_model.pb in it; expected a SavedModel folder"),
        (
            {"function": {"_target_": "mymodels.code.module"}, "signature": "hlave"},
            (
                "model.signature: no tf.function 'hlave' in what mymodels.code.module returned; "
                "did you mean 'halve'?"
            ),
        ),
        (
            {"function": {"_target_": "mymodels.code.loose"}},
            (
                "model.function: mymodels.code.loose returned a function without an input "
                "signature; expected tf.function(input_signature=[...])"
            ),
        ),
        (
            {"function": {"_target_": "mymodels.code.number"}},
            (
                "model.function: mymodels.code.number returned a int; expected a tf.function or a "
                "tf.Module with one"
            ),
        ),
        (
            {"file": str(zoo.folder() / "any.h5"), "custom_objects": ["nowhere"]},
            "custom_objects: nowhere: No module named 'nowhere'; expected a module to import",
        ),
    ],
)
def test_what_cannot_be_brought_is_told_in_one_line(project, options, told):
    """And nothing of Keras 2 is tried for it."""
    zoo.dense().save(zoo.folder() / "any.h5")
    with pytest.raises(LitemillError) as caught:
        brought(project, **options)

    assert told == str(caught.value)


def test_the_code_of_custom_layers_comes_along(project, monkeypatch):
    """All of the project's own that it is made of; later stages load the model with the copy."""
    code = __import__("mymodels.code", fromlist=["Twice"])
    keras.Sequential([keras.Input((2,), name="x"), code.Twice()]).save("given.keras")
    out, _ = brought(project, file="given.keras", custom_objects=["mymodels.code"])

    copied = ["mymodels/__init__.py", "mymodels/code.py", "mymodels/parts.py"]
    assert copied == tree_files(project / "out" / "imported" / "code")
    monkeypatch.chdir("/")
    np.testing.assert_array_equal([[2.0, 4.0]], out.load_keras()(np.array([[1.0, 2.0]])))


def test_bring_begins_anew(project):
    """What an earlier model left is gone."""
    brought(project, file=str(zoo.module_saved()), signature="double")
    zoo.dense().save("given.keras")
    out, _ = brought(project, file="given.keras")

    assert not out.saved_model.exists()
    (project / "given.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"given.keras: not a readable Keras file"):
        brought(project, file="given.keras")
