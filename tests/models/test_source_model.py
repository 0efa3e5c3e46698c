from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo

from litemill.config.schema.train import Model
from litemill.config.schema.variant import Variant
from litemill.conversion.convert import convert_variant
from litemill.core.errors import LitemillError, ModelError
from litemill.core.files import tree_files
from litemill.models import kinds, saved_model
from litemill.models.exported_model import export_signature
from litemill.models.kinds import KINDS, import_model, kind_of, open_model
from litemill.models.source_model import SourceModel
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


def imported(project, **options):
    """Import a model; return it and its description."""
    model = Model(**options)
    (project / "out").mkdir(exist_ok=True)
    source = import_model(model, project / "out")
    return open_model(project / "out"), source.describe(model)


def answers(saved, key, x):
    """Call a signature of a SavedModel."""
    return saved_model.load_signature(saved, key)(x=tf.constant(x, tf.float32))["y"].numpy()


def test_the_table_has_every_module_of_a_kind():
    """Adding one takes its module and a line of the table."""
    modules = {path.stem for path in Path(kinds.__file__).parent.glob("*_source.py")}

    assert modules == {kind.__module__.rpartition(".")[2] for kind in KINDS.values()}
    assert all(issubclass(kind, SourceModel) for kind in KINDS.values())


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"build": {"_target_": "models.mine.build"}}, "keras"),
        ({"file": "new.keras"}, "keras"),
        ({"file": "given.weights"}, "keras"),
        ({"file": "folder.keras"}, "saved_model"),
        ({"file": "folder"}, "saved_model"),
        ({"function": {"_target_": "models.mine.function"}}, "function"),
    ],
)
def test_the_configuration_decides_about_the_kind(tmp_path, options, name):
    """A file need not be there yet; a folder is a SavedModel whatever its name."""
    (tmp_path / "given.weights").touch()
    for folder in ("folder", "folder.keras"):
        (tmp_path / folder).mkdir()

    assert name == kind_of(Model(**options), tmp_path).name


def test_a_model_without_a_source_is_of_no_kind():
    """In one line."""
    with pytest.raises(ModelError, match="model: no source; expected one of: build, file, funct"):
        kind_of(Model())


def test_only_keras_models_have_the_keras_route(project):
    """Others say so in one line; and no other kind can be unrolled."""
    source, _ = imported(project, file=str(zoo.module_saved()), signature="double")
    with pytest.raises(ModelError, match=r"no Keras model \(saved_model\); use another route"):
        source.load_keras()

    assert {name: "keras" in kind.routes for name, kind in KINDS.items()} == {
        name: kind.has_layers for name, kind in KINDS.items()
    }


def test_a_model_of_an_unknown_kind_is_refused(project):
    """Such as one that a later version of Litemill has stored."""
    imported(project, file=str(zoo.module_saved()), signature="double")
    loading = project / "out" / "imported" / "loading.json"
    loading.write_text(loading.read_text().replace('"saved_model"', '"saved_modle"'))

    with pytest.raises(ModelError, match="did you mean 'saved_model'"):
        open_model(project / "out")


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5"])
def test_a_keras_file_becomes_the_pipelines_own(project, suffix):
    """With the same weights."""
    zoo.dense().save(f"given.{suffix}")
    out, told = imported(project, file=f"given.{suffix}")

    assert f"a Keras file, given.{suffix} (Keras {keras.__version__})" == told
    assert "keras" == out.name
    for expected, found in zip(
        zoo.dense().get_weights(), out.load_keras().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(expected, found)


@pytest.mark.slow
def test_a_keras_2_file_becomes_a_saved_model(project):
    """Through Keras 2, in a process of its own; and can be given another batch size there."""
    out, told = imported(project, file=str(zoo.keras_2()))
    exported = export_signature(out, out.saved_model, zoo.KEY)
    done = convert_variant("v", Variant(batch=2), exported, None)

    assert told.endswith("(through Keras 2, since Keras 3 refuses it)")
    assert "keras_2" == out.name
    assert zoo.SIGNATURE == exported.signature
    assert (2, 8, 8, 1) == done.description.inputs[0].shape
    image = zoo.batch_of((8, 8, 1), 4)
    np.testing.assert_allclose(
        saved_model.load_signature(out.saved_model, zoo.KEY)(image=tf.constant(image))["digit"],
        LiteRT(done.content).run({"image": image})["digit"],
        atol=1e-5,
    )


def test_a_saved_model_is_copied_with_one_signature_chosen(project):
    """Without the random number that nothing needs."""
    out, told = imported(project, file=str(zoo.module_saved()), signature="double")

    assert f"a SavedModel, {zoo.module_saved()}" == told
    assert "double" == out.signature_key("any")
    assert "fingerprint.pb" not in tree_files(out.saved_model)
    np.testing.assert_array_equal([[2, 4, 8]], answers(out.saved_model, "double", [[1, 1, 1]]))


@pytest.mark.parametrize(
    ("target", "signature", "expected"),
    [("module", "scale", 8.0), ("module", "halve", 2.0), ("function", "anything", 8.0)],
)
def test_a_function_is_called_by_name(project, target, signature, expected):
    """A module's functions by the signature's name; a function of its own has that name after."""
    function = {"_target_": f"mymodels.code.{target}"}
    out, told = imported(project, function=function, signature=signature)

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
        imported(project, **options)

    assert told == str(caught.value)


def test_the_code_of_custom_layers_comes_along(project, monkeypatch):
    """All of the project's own that it is made of; later stages load the model with the copy."""
    code = __import__("mymodels.code", fromlist=["Twice"])
    keras.Sequential([keras.Input((2,), name="x"), code.Twice()]).save("given.keras")
    out, _ = imported(project, file="given.keras", custom_objects=["mymodels.code"])

    copied = ["mymodels/__init__.py", "mymodels/code.py", "mymodels/parts.py"]
    assert copied == tree_files(project / "out" / "imported" / "code")
    monkeypatch.chdir("/")
    np.testing.assert_array_equal([[2.0, 4.0]], out.load_keras()(np.array([[1.0, 2.0]])))


def test_bring_begins_anew(project):
    """What an earlier model left is gone."""
    imported(project, file=str(zoo.module_saved()), signature="double")
    zoo.dense().save("given.keras")
    out, _ = imported(project, file="given.keras")

    assert not out.saved_model.exists()
    (project / "given.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"given.keras: not a readable Keras file"):
        imported(project, file="given.keras")
