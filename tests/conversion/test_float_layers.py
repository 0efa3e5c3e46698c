"""Layers that a variant keeps in float: the named ones, all of them, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import zoo

from litemill.config.schema.variant import Calibration, Optimization, Route, TensorType, Variant
from litemill.conversion import recipes
from litemill.conversion.convert import convert_variant
from litemill.conversion.float_layers import FloatLayers
from litemill.conversion.tflite_converter import ConverterOptions, convert_saved_model
from litemill.core.errors import LitemillError
from litemill.tflite.graph import edges, nodes
from litemill.tflite.interpreter import Model

INT8 = Optimization.int8
FEW = Calibration(samples=16)


def made(**asked):
    """Convert the zoo's image model with these options."""
    source = zoo.source("cnn")
    variant = Variant(calibration=FEW, **asked)
    return convert_variant("v", variant, source, zoo.split(source)).content


def touched(node):
    """Give the numbers of an operator's tensors; a bias of zeros is absent."""
    return [number for number in (*node.inputs, *node.outputs) if number >= 0]


def computing(file):
    """Give each computing operator and whether it computes in float."""
    tensors = edges(file)
    return [
        (node.operator, all(tensors[n].dtype == "float32" for n in touched(node)))
        for node in nodes(file)
        if node.operator in ("CONV_2D", "FULLY_CONNECTED")
    ]


def layer(number, **asked):
    """Give the name of the layer of that number, as the variant's own float file has it."""
    file = made(**asked)
    found = [node for node in nodes(file) if node.operator in ("CONV_2D", "FULLY_CONNECTED")]
    return edges(file)[found[number].outputs[0]].name


@pytest.mark.parametrize("route", [Route.saved_model, Route.keras, Route.concrete_function])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_named_layer_computes_in_float_and_the_others_do_not(route, number):
    """By every route, first, inner and last, with integer inputs and outputs."""
    sides = {"input_type": TensorType.int8, "output_type": TensorType.uint8}
    name = layer(number, route=route)

    file = made(route=route, optimization=INT8, float_layers=[name], **sides)

    assert [place == number for place in range(3)] == [real for _, real in computing(file)]


def test_an_output_and_the_first_of_fused_names_name_a_layer_too():
    """Both are how validation's advice calls layers."""
    short = layer(1).partition(";")[0]

    file = made(optimization=INT8, float_layers=["digit", short])

    assert [False, True, True] == [real for _, real in computing(file)]


@pytest.mark.parametrize(
    ("recipe", "side"),
    [("static_wi8_ai8", TensorType.int8), ("dynamic_wi8_afp32", TensorType.float32)],
)
def test_a_recipe_spares_the_named_layer(recipe, side):
    """Whatever its other rules say."""
    rules = recipes.resolve_recipe(recipe, "recipe")

    file = made(recipe=rules, float_layers=[layer(1)], input_type=side, output_type=side)

    assert ("FULLY_CONNECTED", True) == computing(file)[1]
    assert 1 == sum(real for _, real in computing(file))


def test_the_same_layers_give_the_same_bytes():
    """A build is repeatable."""
    asked = {"optimization": INT8, "float_layers": [layer(1)]}

    assert made(**asked) == made(**asked)


def test_sparing_no_layer_gives_the_bytes_of_an_ordinary_conversion():
    """So the detour by calibration alone changes nothing but what is spared."""
    source, variant = zoo.source("cnn"), Variant(calibration=FEW, optimization=INT8)
    samples = zoo.split(source)

    def given():
        return ({"image": samples.inputs["image"][n : n + 1]} for n in range(FEW.samples))

    options = ConverterOptions(variant, given, denylist=lambda _: [])

    assert (
        convert_saved_model(source.saved_model, source.key, options)
        == convert_variant("v", variant, source, samples).content
    )


def test_a_float_layer_is_more_faithful():
    """All layers but the first in float: fewer errors than none."""
    source = zoo.source("cnn")
    samples = zoo.split(source)
    truth = zoo.truth(source, samples)["digit"]

    def error(file):
        return np.linalg.norm(Model(file).run(samples.inputs)["digit"] - truth)

    asked = {"optimization": INT8, "float_layers": [layer(1), layer(2)]}
    assert error(made(**asked)) < 0.8 * error(made(optimization=INT8))


def test_a_name_that_no_layer_has_is_refused_with_the_nearest():
    """In a line that says where."""
    name = layer(1)

    with pytest.raises(LitemillError, match=r"float_layers: no layer .*did you mean"):
        made(optimization=INT8, float_layers=[name.replace("MatMul", "MatMl")])


def test_a_layer_that_stays_quantized_is_a_mismatch():
    """The file is asked, not the converter: here it was made without the names."""
    layers = FloatLayers([layer(1)], zoo.KEY, "v")
    layers.find(made())

    told = layers.mismatches(made(optimization=INT8), others=False)

    assert 1 == len(told)
    assert "requested float32, got quantized" in told[0]


def test_a_float_layer_that_was_not_named_is_a_mismatch():
    """An integer-only device could not run it, and nobody asked for it."""
    layers = FloatLayers([layer(1)], zoo.KEY, "v")
    layers.find(made())
    file = made(optimization=INT8, float_layers=[layer(1), layer(2)])

    told = layers.mismatches(file, others=False)

    assert 1 == len(told)
    assert "computes in float and is not in float_layers" in told[0]
    assert [] == layers.mismatches(file, others=True)
