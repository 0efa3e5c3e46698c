from __future__ import annotations

import copy

import numpy as np
import pytest
import tensorflow as tf
import zoo

from litemill.config.schema.variant import Optimization, TensorType, Variant
from litemill.conversion.arithmetic import arithmetic_of
from litemill.conversion.graph_names import graph_names
from litemill.conversion.verification import mismatches
from litemill.tflite.flatbuffer import describe

INT8, INT16X8 = Optimization.int8, Optimization.int16x8
DYNAMIC = Optimization.dynamic_range
RIGHT = {
    "float32": Variant(),
    "dynamic_range": Variant(optimization=DYNAMIC),
    "dynamic_range_per_tensor": Variant(optimization=DYNAMIC, per_channel_dense=False),
    "float16": Variant(optimization=Optimization.float16),
    "int8": Variant(optimization=INT8, input_type=TensorType.int8, output_type=TensorType.int8),
    "uint8": Variant(optimization=INT8, input_type=TensorType.uint8, output_type=TensorType.uint8),
    "int8_float_io": Variant(optimization=INT8),
    "int8_per_tensor": Variant(optimization=INT8, per_channel_dense=False),
    "int16x8": Variant(optimization=INT16X8),
    "int16x8_io": Variant(
        optimization=INT16X8, input_type=TensorType.int16, output_type=TensorType.int16
    ),
    "island": Variant(optimization=INT8, float_fallback=True),
}


def lines_of(name, variant, signature=zoo.SIGNATURE):
    """Return the mismatches of a file of the zoo."""
    return mismatches(describe(zoo.file(name)), variant, signature)


@pytest.mark.parametrize("name", RIGHT)
def test_mismatches_find_nothing_in_right_files(name):
    """Every optimization, every input and output type."""
    assert [] == lines_of(name, RIGHT[name])


@pytest.mark.parametrize("asked", RIGHT)
@pytest.mark.parametrize("name", RIGHT)
def test_mismatches_tell_every_two_kinds_of_file_apart(name, asked):
    """No file passes for what another option would have made, unless the option allows it."""
    allowed = {(name, name), ("int8_float_io", "island")}  # fallback is a permission

    assert ((name, asked) in allowed) == (lines_of(name, RIGHT[asked]) == [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float32", "float32"),
        ("dynamic_range", "dynamic range"),
        ("float16", "float16"),
        ("int8", "int8"),
        ("uint8", "int8"),
        ("int8_float_io", "int8"),
        ("int16x8", "int16x8"),
        ("island", "mixed"),
    ],
)
def test_kind_is_what_the_file_computes_in(name, expected):
    """Whatever the file is called."""
    assert expected == arithmetic_of(describe(zoo.file(name)))


def test_mismatches_find_a_model_without_its_weights():
    """The trap of `from_concrete_functions` with a Keras 3 model."""
    (line,) = lines_of("weights_gone", Variant())

    assert line.startswith("uninitialised variables: ")


def test_mismatches_find_an_int8_that_is_only_dynamic_range():
    """That is what the converter makes without a representative dataset."""
    assert "requested int8, got dynamic range" in lines_of("dynamic_range", RIGHT["int8"])[0]


def test_mismatches_find_a_float32_with_integer_weights():
    """A file that is not what its name says."""
    assert "requested float32, got dynamic range" in lines_of("dynamic_range", Variant())[0]


def test_mismatches_name_the_operators_of_a_float_island():
    """Only where no fallback requested."""
    lines = lines_of("island", Variant(optimization=INT8))

    cure = "no fallback requested: `float_fallback: true` allows it"
    assert [f"SIN computes in float (float32 -> float32); {cure}"] == lines
    content = zoo.file("island")
    names = graph_names(content, zoo.KEY)
    assert {"SIN"} == set(names.in_float)
    (line,) = mismatches(describe(content), Variant(optimization=INT8), zoo.SIGNATURE, names)
    assert f"SIN of layer {names.in_float['SIN'][0]!r} computes in float" in line


def test_mismatches_let_small_weights_stay_float_under_dynamic_range():
    """The converter leaves constants of fewer than 1,024 elements alone."""
    signature = {
        "key": zoo.KEY,
        "inputs": {"features": {"dtype": "float32", "shape": [None, 6]}},
        "outputs": {"value": {"dtype": "float32", "shape": [None, 1]}},
    }

    assert [] == lines_of("small_dynamic_range", RIGHT["dynamic_range"], signature)
    assert [] != lines_of("float32", RIGHT["dynamic_range"])


def test_mismatches_find_an_input_that_stayed_float():
    """And an output."""
    assert [
        "input 'image': requested int8, got float32",
        "output 'digit': requested int8, got float32",
    ] == lines_of("int8_float_io", RIGHT["int8"])


def test_mismatches_find_dense_scales_that_are_not_as_asked():
    """Per channel where per tensor was asked, and the reverse."""
    assert {"per tensor"} == {
        line[-10:] for line in lines_of("int8_per_tensor", RIGHT["int8_float_io"])
    }
    assert 2 == len(lines_of("int8_float_io", RIGHT["int8_per_tensor"]))


def test_mismatches_find_a_lost_signature():
    """A concrete function without a trackable has none."""
    assert ["requested the signature 'serving_default', got none"] == lines_of(
        "without_signature", Variant()
    )


def test_mismatches_find_renamed_inputs_and_outputs():
    """What is missing and what is there instead."""
    signature = copy.deepcopy(zoo.SIGNATURE)
    signature["outputs"] = {"class": signature["outputs"]["digit"]}

    assert [
        "output 'class' is not in the file, which has 'digit'",
        "output 'digit' was not requested",
    ] == lines_of("float32", Variant(), signature)


def test_mismatches_find_a_batch_that_is_not_as_asked():
    """A fixed one where a dynamic one was asked, and the reverse."""
    fixed = copy.deepcopy(zoo.SIGNATURE)
    fixed["inputs"]["image"]["shape"][0] = fixed["outputs"]["digit"]["shape"][0] = 4

    assert [] == lines_of("fixed_batch", Variant(), fixed)
    assert "input 'image': requested shape [-1, 8, 8, 1], got [4, 8, 8, 1]" in lines_of(
        "fixed_batch", Variant()
    )
    assert 2 == len(lines_of("float32", Variant(), fixed))


def test_mismatches_find_outputs_that_changed_places():
    """Outputs are told apart by name; each has its own shape."""
    three = {"total": 3, "apart": 5, "one": 1}
    signature = {
        "key": zoo.KEY,
        "inputs": {
            "left": {"dtype": "float32", "shape": [None, 6]},
            "right": {"dtype": "float32", "shape": [None, 4]},
        },
        "outputs": {n: {"dtype": "float32", "shape": [None, s]} for n, s in three.items()},
    }
    swapped = copy.deepcopy(signature)
    swapped["outputs"]["one"], swapped["outputs"]["total"] = (
        signature["outputs"]["total"],
        signature["outputs"]["one"],
    )

    assert [] == lines_of("several", Variant(), signature)
    assert [] == lines_of("several_int8", RIGHT["int8_float_io"], signature)
    assert 2 == len(lines_of("several", Variant(), swapped))


def test_mismatches_find_operators_that_the_runtime_does_not_have():
    """A TensorFlow operator that the converter passed through."""
    assert any("FlexAtan is a TensorFlow operator" in line for line in lines_of("flex", Variant()))


def test_an_input_that_nothing_reads_is_called_unused(tmp_path):
    """The converter leaves it float32, whatever the inputs are."""
    module = tf.Module()
    module.f = tf.function(
        lambda x, u: {"y": tf.matmul(x, tf.ones([3, 3]))},  # noqa: ARG005
        input_signature=[zoo.spec(None, 3), zoo.spec(None, 2, name="u")],
    )
    tf.saved_model.save(module, str(tmp_path), signatures={zoo.KEY: module.f})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    inputs = {"x": np.ones((1, 3), np.float32), "u": np.ones((1, 2), np.float32)}
    converter.representative_dataset = lambda: [inputs]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = bytes(converter.convert())
    names = graph_names(content, zoo.KEY)
    assert {"u"} == names.unused
    side = {name: {"dtype": "float32", "shape": [None, n]} for name, n in (("x", 3), ("u", 2))}
    signature = {"key": zoo.KEY, "inputs": side, "outputs": {}}
    lines = mismatches(describe(content), RIGHT["int8"], signature, names)

    cure = "remove it from the model, or take `input_type: float32`"
    assert f"input 'u' is unused, and stays float32: {cure}" in lines
    assert not any("requested int8" in line for line in lines)
