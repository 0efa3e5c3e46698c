from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo
from tensorflow.core.protobuf import saved_model_pb2

from litemill.core.errors import ModelError
from litemill.core.files import tree_files
from litemill.models import keras_graph, saved_model

KEY = "classify"


def test_a_saved_model_has_the_names_of_the_model(tmp_path):
    """`model.export` would call its outputs output_0 and so on."""
    saved_model.save_keras(zoo.two_in_three_out(), tmp_path / "saved", KEY)
    signature = saved_model.describe_signature(
        saved_model.load_signature(tmp_path / "saved", KEY), KEY
    )

    assert {
        "key": "classify",
        "inputs": {
            "left": {"dtype": "float32", "shape": [None, 6]},
            "right": {"dtype": "float32", "shape": [None, 4]},
        },
        "outputs": {
            "apart": {"dtype": "float32", "shape": [None, 5]},
            "one": {"dtype": "float32", "shape": [None, 1]},
            "total": {"dtype": "float32", "shape": [None, 3]},
        },
    } == signature


def test_a_saved_model_has_no_fingerprint(tmp_path):
    """It holds a random number, and nothing needs it."""
    saved_model.save_keras(zoo.dense(), tmp_path / "saved", KEY)

    assert "fingerprint.pb" not in tree_files(tmp_path / "saved")


def test_outputs_are_those_of_the_model_by_name(tmp_path):
    """Also of a model that gives a mapping in another order."""
    model = zoo.two_in_three_out()
    saved_model.save_keras(model, tmp_path / "saved", KEY)
    given = {"left": zoo.batch_of((6,), 2), "right": zoo.batch_of((4,), 2)}
    answers = saved_model.load_signature(tmp_path / "saved", KEY)(
        **{n: tf.constant(v) for n, v in given.items()}
    )

    for name, expected in model(list(given.values())).items():
        np.testing.assert_allclose(expected, answers[name], rtol=1e-6)


def test_a_sequential_model_is_known_by_its_last_layer():
    """It was loaded from a file, and never called."""
    assert ["digit"] == keras_graph.output_names(zoo.cnn())
    assert ["image"] == list(keras_graph.input_tensors(zoo.cnn()))


def test_a_batch_size_may_be_fixed(tmp_path):
    """Of every input."""
    saved_model.save_keras(zoo.cnn(), tmp_path / "saved", KEY, batch=5)
    signature = saved_model.describe_signature(
        saved_model.load_signature(tmp_path / "saved", KEY), KEY
    )

    assert [5, 8, 8, 1] == signature["inputs"]["image"]["shape"]


@pytest.mark.parametrize("name", ["input-1", "input.1", "1st"])
def test_inputs_keep_names_that_python_has_no_arguments_for(tmp_path, name):
    """In the SavedModel, with another batch size, and when it is called."""
    image, other = keras.Input((3,), name=name), keras.Input((3,), name="other")
    model = keras.Model([other, image], keras.layers.Dense(2, name="y")(image - other))
    saved_model.save_keras(model, tmp_path / "saved", KEY)
    function = saved_model.load_signature(tmp_path / "saved", KEY)
    fixed, specs = saved_model.with_batch(function, 4)
    saved_model.save_function(fixed, specs, function.variables, tmp_path / "fixed", KEY)
    again = saved_model.load_signature(tmp_path / "fixed", KEY)

    given = {name: zoo.batch_of((3,), 4), "other": zoo.batch_of((3,), 4, seed=1)}
    expected = model([given["other"], given[name]])
    assert {name, "other"} == set(saved_model.describe_signature(function, KEY)["inputs"])
    assert [4, 3] == saved_model.describe_signature(again, KEY)["inputs"][name]["shape"]
    for called in (function, again):
        answers = called(**{key: tf.constant(value) for key, value in given.items()})
        np.testing.assert_allclose(expected, answers["y"], rtol=1e-6)


def test_a_name_that_tensorflow_refuses_is_a_failure_in_one_line(tmp_path):
    """A word of Python's own."""
    x = keras.Input((3,), name="class")
    model = keras.Model(x, keras.layers.Dense(2, name="y")(x))
    with pytest.raises(ModelError, match="'class' is not a valid parameter name") as caught:
        saved_model.save_keras(model, tmp_path / "saved", KEY)

    assert "\n" not in str(caught.value)


def test_two_outputs_of_one_name_are_refused(tmp_path):
    """Nobody could tell them apart."""
    x = keras.Input((2,), name="x")
    layer = keras.layers.Dense(1, name="y")
    model = keras.Model(x, [layer(x), layer(x)], name="twins")

    with pytest.raises(ModelError, match="outputs of model twins: y twice; expected a name of its"):
        saved_model.save_keras(model, tmp_path / "saved", KEY)


def test_a_model_without_named_inputs_is_refused(tmp_path):
    """A subclass of keras.Model tells nothing of them."""

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match="a Own without named inputs"):
        saved_model.save_keras(Own(name="own"), tmp_path / "saved", KEY)


def test_load_tells_what_there_is_instead():
    """The nearest signature."""
    with pytest.raises(ModelError, match="no signature 'doble'; did you mean 'double'"):
        saved_model.load_signature(zoo.module_saved(), "doble")

    assert ["double", "total"] == saved_model.signature_keys(zoo.module_saved())


def test_damaged_saved_models_are_refused_in_one_line(tmp_path):
    """No folder, an empty one, a damaged graph, damaged weights."""
    saved = tmp_path / "saved"
    saved_model.save_keras(zoo.dense(), saved, KEY)
    weights = saved / "variables" / "variables.data-00000-of-00001"
    whole = weights.read_bytes()
    weights.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(ModelError, match=r"saved: no readable SavedModel \("):
        saved_model.load_signature(saved, KEY)
    weights.write_bytes(whole)
    graph = (saved / "saved_model.pb").read_bytes()
    (saved / "saved_model.pb").write_bytes(graph[: len(graph) // 2])
    with pytest.raises(ModelError, match=r"saved: no readable SavedModel \("):
        saved_model.load_signature(saved, KEY)
    with pytest.raises(ModelError, match=r"none: no saved_model.pb in it; expected a SavedModel"):
        saved_model.load_signature(tmp_path / "none", KEY)


def test_a_graph_of_other_tags_is_loaded_and_saved_anew(tmp_path):
    """The converter looks for the tag `serve` alone."""
    both = zoo.module()
    tf.saved_model.save(both, str(tmp_path / "saved"), signatures={"double": both.double})
    graph = tmp_path / "saved" / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(graph.read_bytes())
    message.meta_graphs[0].meta_info_def.tags[:] = ["serve", "lite"]
    graph.write_bytes(message.SerializeToString())

    with pytest.raises(ModelError, match="no readable SavedModel"):
        saved_model.load_signature(tmp_path / "saved", "double", ["gpu"])
    saved_model.retag(tmp_path / "saved", "double", ["serve", "lite"], tmp_path / "again")
    answers = saved_model.load_signature(tmp_path / "again", "double", ["serve"])(
        x=tf.constant([[1.0, 1, 1]])
    )
    np.testing.assert_array_equal([[2.0, 4.0, 8.0]], answers["y"])


def test_unrolled_refuses_what_has_no_steps():
    """No recurrent layer, or sequences of any length."""
    with pytest.raises(ModelError, match="no recurrent layers"):
        keras_graph.unroll(zoo.dense())
    steps = keras.Input((None, 3), name="steps")
    model = keras.Model(steps, keras.layers.LSTM(2)(steps), name="endless")
    with pytest.raises(ModelError) as caught:
        keras_graph.unroll(model)

    assert (
        "model endless: takes sequences of any length as 'steps', which cannot be unrolled; "
        "expected a fixed length, or `batch` in place of `unroll`"
    ) == str(caught.value)


def test_lookup_tables_of_layers_are_saved_along(tmp_path):
    """They are no variables of the model; the answers are the layer's own."""
    words = keras.Input((), dtype="string", name="word")
    layer = keras.layers.StringLookup(vocabulary=["a", "b"], name="index")
    saved_model.save_keras(keras.Model(words, layer(words)), tmp_path / "saved", "look")
    loaded = tf.saved_model.load(str(tmp_path / "saved")).signatures["look"]

    assert [1, 2, 0] == loaded(word=tf.constant(["a", "b", "z"]))["index"].numpy().tolist()
