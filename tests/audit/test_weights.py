from __future__ import annotations

import numpy as np
import pytest
import zoo
from edited import edited, lift, other_training, position, with_constant

from litemill.audit.weights import State, compare_weights
from litemill.conversion.recipes import quantize, resolve_recipe
from litemill.tflite.operands import operands


def states(content, source="float32"):
    """Compare a file with a conversion of the zoo; give the state of each layer's parts."""
    found = compare_weights(operands(zoo.file(source)), operands(content))
    assert ((), ()) == (found.only_source, found.only_file)
    return {(one.layer.split("/")[1], one.part): one.state for one in found.compared}


def test_compare_finds_the_same_weights_equal():
    """Both kinds of layers, with the biases that they have."""
    found = compare_weights(operands(zoo.file("float32")), operands(zoo.file("float32")))

    assert {State.equal} == {one.state for one in found.compared}
    assert not found.differing()
    assert not found.is_unrelated()


@pytest.mark.parametrize(
    "name", ["float16", "dynamic_range", "dynamic_range_per_tensor", "int8", "uint8", "int16x8"]
)
def test_compare_allows_for_quantization(name):
    """Per channel, per tensor and as float16."""
    found = compare_weights(operands(zoo.file("float32")), operands(zoo.file(name)))

    assert State.quantized in {one.state for one in found.compared}
    assert () == found.differing()


@pytest.mark.parametrize("recipe", ["dynamic_wi4c_afp32", "dynamic_wi2c_afp32"])
def test_compare_unpacks_weights_of_few_bits(recipe):
    """Two or four values a byte, the lowest bits first."""
    content = quantized(recipe, zoo.file("float32"))

    assert {State.quantized, State.equal} == set(states(content).values())


def test_compare_reads_scales_of_blocks():
    """They stand in a tensor of their own."""
    content = quantized("dynamic_wi4b32_afp32", wide())
    found = compare_weights(operands(wide()), operands(content))

    assert ["int4"] == [one.dtype for one in found.compared if one.part == "weights"][:1]
    assert {State.quantized} == {one.state for one in found.compared}


def test_compare_turns_rotated_weights_back():
    """As litert-quantizer's recipes with a Hadamard rotation leave them."""
    content = quantized("dynamic_wi8c_hr_afp32", zoo.file("float32"))

    assert () == compare_weights(operands(zoo.file("float32")), operands(content)).differing()


def test_compare_tells_another_training():
    """Pooled over the file: some small layer may resemble by chance."""
    found = compare_weights(operands(zoo.file("float32")), operands(other_training()))

    assert found.is_unrelated()


@pytest.mark.parametrize(("name", "dtype"), [("float32", "f4"), ("int8", "i4")])
def test_compare_names_the_layer_of_one_changed_bias(name, dtype):
    """One number of one layer, in float and in whole numbers."""
    content = zoo.file(name)
    content = with_constant(content, position(content, "CONV_2D"), 2, lift(dtype), dtype)

    found = compare_weights(operands(zoo.file("float32")), operands(content)).differing()

    assert [("biases", State.different)] == [(one.part, one.state) for one in found]
    assert "conv2d" in found[0].layer


def test_compare_finds_one_changed_weight_among_thousands():
    """By more than a quantization step."""
    content = zoo.file("int8")
    place = position(content, "FULLY_CONNECTED")

    def flip(array):
        array[1000] = -100 if array[1000] > 0 else 100

    found = compare_weights(
        operands(zoo.file("float32")), operands(with_constant(content, place, 1, flip, "i1"))
    )

    assert [("weights", State.different)] == [(one.part, one.state) for one in found.differing()]


def test_compare_finds_nan_and_zeros():
    """Weights that were overwritten."""
    content, place = zoo.file("float32"), position(zoo.file("float32"), "CONV_2D")
    nothing = with_constant(content, place, 1, lambda array: array.fill(np.nan), "f4")
    zeros = with_constant(content, place, 1, lambda array: array.fill(0), "f4")

    assert State.not_finite in states(nothing).values()
    assert State.different in states(zeros).values()


def test_compare_allows_a_factor_for_each_channel():
    """Batch normalization that one converter folded into the weights and another did not."""

    def scale(array):
        array.reshape(8, -1)[:] *= np.linspace(0.5, 2, 8)[:, None]

    content, place = zoo.file("float32"), position(zoo.file("float32"), "CONV_2D")

    assert State.scaled in states(with_constant(content, place, 1, scale, "f4")).values()


def test_compare_pairs_layers_in_another_order():
    """Of one shape: by what they hold."""
    source = operands(zoo.file("several"))
    found = compare_weights(source, source[::-1])

    assert {State.equal} == {one.state for one in found.compared}


def test_compare_tells_what_has_no_counterpart():
    """Another architecture."""
    found = compare_weights(operands(zoo.file("float32")), operands(zoo.file("several")))

    assert (3, 3) == (len(found.only_source), len(found.only_file))
    assert () == found.compared


def test_compare_tells_tensors_apart_that_have_one_name():
    """Names may be stripped."""

    def strip(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.name = ""

    found = compare_weights(
        operands(zoo.file("float32")), operands(edited(zoo.file("float32"), strip))
    )

    assert 3 == sum(one.part == "weights" for one in found.compared)


def quantized(recipe, content):
    """Quantize a file with one of litert-quantizer's own recipes."""
    return quantize(content, resolve_recipe(recipe, "test"), zoo.KEY, None, place="test")


def wide():
    """Give a float32 file with 64 inputs, in blocks of which weights can be quantized."""
    return zoo.convert(_wide())


def _wide():
    keras = zoo.quiet_keras()
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.layers.Input((64,), name="x"), keras.layers.Dense(32)])
