from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from litemill.core.errors import DataError, ModelError
from litemill.core.files import write_json
from litemill.data.samples import Samples
from litemill.models.reference_outputs import (
    read_reference_outputs,
    read_signature,
    signature_folder,
    write_reference_outputs,
)


@pytest.fixture
def export(tmp_path):
    """Write what `export` leaves of a model with two signatures, `total` being its own."""
    write_json(tmp_path / "signature.json", {"key": "total"})
    write_json(tmp_path / "signatures" / "index.json", {"main": "total", "others": ["../x"]})
    write_json(tmp_path / "signatures" / "0" / "signature.json", {"key": "../x"})
    return tmp_path


@pytest.mark.parametrize("key", [None, "total"])
def test_the_main_signature_has_two_names(export, key):
    """None, and its own, by which a variant may ask for it too."""
    assert export == signature_folder(export, key)
    assert {"key": "total"} == read_signature(export, key)


def test_another_signature_has_a_folder_of_its_own(export):
    """By number: a name may be anything."""
    assert export / "signatures" / "0" == signature_folder(export, "../x")
    assert {"key": "../x"} == read_signature(export, "../x")


def test_a_signature_that_was_not_exported_is_refused(export):
    """In one line, with those that were."""
    with pytest.raises(ModelError) as caught:
        read_signature(export, "none")

    assert "signature 'none' is not exported" == caught.value.found
    assert "'../x'" not in caught.value.found
    assert "../x" in caught.value.expected


NAMES = [
    "/abs/x",
    "../../x",
    "a/b",
    "nul\0",
    "é\u4e2d",
    "Case",
    "case",
    "n" * 10_000,
    "",
    "names.json",
]


def test_names_of_outputs_never_become_paths(tmp_path):
    """Separators, absolute names, NUL, long names, names that differ in case only."""

    class Function:
        """A signature's function, whose output names TensorFlow itself might refuse."""

        structured_outputs = dict.fromkeys(NAMES)
        structured_input_signature = ((), {"x": tf.TensorSpec([None, 2])})

        def __call__(self, x):
            return {name: x * number for number, name in enumerate(NAMES)}

    (tmp_path / "deep").mkdir()
    samples = Samples({"x": np.ones((3, 2), np.float32)}, {}, None, "none")
    write_reference_outputs(Function(), samples, 2, tmp_path / "deep" / "reference")
    outputs = read_reference_outputs(tmp_path / "deep" / "reference")

    assert sorted(NAMES) == list(outputs)
    for number, name in enumerate(NAMES):
        np.testing.assert_array_equal(np.full((3, 2), number), outputs[name])
    assert ["deep"] == [path.name for path in tmp_path.iterdir()]
    files = sorted(path.name for path in (tmp_path / "deep" / "reference").iterdir())
    assert sorted([*(f"{number}.npy" for number in range(len(NAMES))), "names.json"]) == files


def test_a_damaged_array_is_refused(tmp_path):
    """Missing, or cut off."""
    write_json(tmp_path / "names.json", ["digit"])
    with pytest.raises(DataError, match=r"0\.npy: no such file"):
        read_reference_outputs(tmp_path)
    (tmp_path / "0.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="damaged"):
        read_reference_outputs(tmp_path)


@pytest.mark.parametrize("seed", [None, 1])
def test_random_answers_are_called_random(tmp_path, seed):
    """By asking twice, whatever seed the graph has; a stateless draw answers the same again."""
    module = tf.Module()
    spec = [tf.TensorSpec([None, 3], name="x")]
    module.draw = tf.function(
        lambda x: {"y": x + tf.random.normal(tf.shape(x), seed=seed)}, input_signature=spec
    )
    module.same = tf.function(
        lambda x: {"y": x + tf.random.stateless_normal(tf.shape(x), [1, 2])}, input_signature=spec
    )
    samples = Samples({"x": np.zeros((4, 3), np.float32)}, {}, None, "none")
    with pytest.raises(ModelError, match=r"answers are random: two calls .* output 'y' .*Random"):
        write_reference_outputs(_signature(module.draw), samples, 4, tmp_path / "draw")
    write_reference_outputs(_signature(module.same), samples, 4, tmp_path / "same")


def test_an_output_without_samples_is_refused_in_a_line(tmp_path):
    """A scalar of the whole batch says nothing of a sample."""
    module = tf.Module()
    module.f = tf.function(
        lambda x: {"m": tf.reduce_mean(x)}, input_signature=[tf.TensorSpec([None, 3], name="x")]
    )
    samples = Samples({"x": np.zeros((4, 3), np.float32)}, {}, None, "none")
    with pytest.raises(ModelError, match=r"output m: shape \[\] for 4 samples; expected a row"):
        write_reference_outputs(_signature(module.f), samples, 4, tmp_path / "m")


def _signature(function):
    """Return a concrete function that takes its inputs by name."""
    return function.get_concrete_function()
