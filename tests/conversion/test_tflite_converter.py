"""Every option of a variant, and what it does to the file."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import zoo

from litemill.config.schema.variant import (
    Calibration,
    Optimization,
    Route,
    Selection,
    TensorType,
    Variant,
)
from litemill.conversion import recipes, tflite_converter
from litemill.conversion.arithmetic import arithmetic_of
from litemill.conversion.convert import convert_variant
from litemill.core.errors import LitemillError
from litemill.tflite.interpreter import Model

DYNAMIC, FLOAT16 = Optimization.dynamic_range, Optimization.float16
INT8, INT16X8 = Optimization.int8, Optimization.int16x8
FEW = Calibration(samples=32)


def made(name="cnn", samples=None, **options):
    """Convert a source of the zoo with these options."""
    source = zoo.source(name)
    variant = Variant(**{"calibration": FEW, **options})
    return convert_variant("v", variant, source, samples or zoo.split(source))


def noise(done, name="cnn"):
    """Give the error of a file's answers as a share of the source model's."""
    source = zoo.source(name)
    samples = zoo.split(source)
    truth, answers = zoo.truth(source, samples), Model(done.content).run(samples.inputs)
    return max(
        np.linalg.norm(answers[key] - truth[key]) / np.linalg.norm(truth[key]) for key in truth
    )


def test_every_option_of_the_schema_has_a_test_here():
    """A new field of Variant needs one: this list is what the tests below are about."""
    tested = {"optimization", "input_type", "output_type", "calibration", "float_fallback"}
    tested |= {"per_channel_dense", "select_tf_ops", "custom_ops", "recipe"}
    elsewhere = {"route", "batch", "unroll", "signature"}  # test_routes.py
    elsewhere |= {"float_layers"}  # test_float_layers.py

    assert tested | elsewhere == {field.name for field in dataclasses.fields(Variant)}


@pytest.mark.parametrize(
    ("optimization", "expected", "most"),
    [
        (Optimization.none, "float32", 1e-5),
        (DYNAMIC, "dynamic range", 0.05),
        (FLOAT16, "float16", 0.01),
        (INT8, "int8", 0.1),
        (INT16X8, "int16x8", 0.05),
    ],
)
def test_optimization_is_what_the_file_computes_in(optimization, expected, most):
    """And the answers stay near the source model's."""
    done = made(optimization=optimization)

    assert expected == arithmetic_of(done.description)
    assert noise(done) < most


@pytest.mark.parametrize("name", ["several", "convolutions", "attention", "embedding"])
@pytest.mark.parametrize("optimization", [DYNAMIC, INT8])
def test_optimizations_work_on_every_kind_of_layer(name, optimization):
    """Integers at the input of an embedding stay whole numbers."""
    # The variance of a LayerNormalization has no integer kernel.
    fallback = name == "attention" and optimization is INT8

    assert noise(made(name, optimization=optimization, float_fallback=fallback), name) < 0.25


@pytest.mark.parametrize(("name", "optimization"), [("lstm", INT8), ("gru", INT16X8)])
def test_unrolled_recurrent_layers_can_be_quantized(name, optimization):
    """For any batch size."""
    done = made(name, optimization=optimization, unroll=True)

    assert optimization.name == arithmetic_of(done.description)
    assert noise(done, name) < 0.2


def test_integers_of_a_loop_are_refused():
    """The converter's calibrator ends the whole process there."""
    told = "int8 of a graph with WHILE, which the converter cannot calibrate; `unroll: true`"
    with pytest.raises(LitemillError, match=told):
        made("lstm", optimization=INT8, batch=1)


@pytest.mark.parametrize(
    ("optimization", "given", "answered"),
    [
        (INT8, TensorType.int8, TensorType.int8),
        (INT8, TensorType.uint8, TensorType.uint8),
        (INT8, TensorType.float32, TensorType.int8),
        (INT8, TensorType.uint8, TensorType.float32),
        (INT16X8, TensorType.int16, TensorType.int16),
    ],
)
def test_input_and_output_have_the_types_asked(optimization, given, answered):
    """Each for itself."""
    found = made(optimization=optimization, input_type=given, output_type=answered).description

    assert (given.name, answered.name) == (found.inputs[0].dtype, found.outputs[0].dtype)


def test_calibration_decides_about_the_scales():
    """The number of samples, how they are picked, and the seed."""
    several = [
        Calibration(samples=4),
        Calibration(samples=16),
        Calibration(samples=4, selection=Selection.random),
        Calibration(samples=4, selection=Selection.random, seed=1),
    ]
    files = {made(optimization=INT8, calibration=one).content for one in several}

    assert len(several) == len(files)
    assert [0, 1, 2, 3] == made(optimization=INT8, calibration=several[0]).rows


def test_float_fallback_lets_operators_stay_in_float():
    """Without it, a model that needs it is refused, and its operator named."""
    assert "mixed" == arithmetic_of(
        made("island", optimization=INT8, float_fallback=True).description
    )
    with pytest.raises(LitemillError, match=r"SIN of layer .* computes in float"):
        made("island", optimization=INT8)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("optimization", [DYNAMIC, INT8])
def test_per_channel_dense_decides_about_the_scales_of_dense_layers(per_channel, optimization):
    """On is newer and better; older micro runtimes need it off."""
    found = made(optimization=optimization, per_channel_dense=per_channel).description
    dense = [
        one.scales for one in found.constants if one.operator == "FULLY_CONNECTED" and one.scales
    ]

    assert per_channel == any(scales > 1 for scales in dense)


def unsupported(**options):
    """Convert a function with two operators that TensorFlow Lite has not."""
    return convert_variant("v", Variant(**options), zoo.function_source("unsupported"), None)


def test_operators_without_a_word_for_them_are_named():
    """With what would allow them."""
    with pytest.raises(LitemillError) as caught:
        unsupported()

    assert (
        "variant v: no TensorFlow Lite operator for Cholesky, MatrixInverse; use "
        "`select_tf_ops: true`, for applications that link TensorFlow's kernels"
    ) == str(caught.value)


def test_select_tf_ops_puts_tensorflow_operators_into_the_file():
    """Named Flex... there."""
    names = {one.name for one in unsupported(select_tf_ops=True).description.operators}

    assert {"FlexCholesky", "FlexMatrixInverse"} <= names


def test_custom_operators_are_named_and_allowed_by_name():
    """Only those that are named."""
    source = zoo.function_source("custom")
    with pytest.raises(LitemillError, match=r"Betainc; .*`custom_ops: \[Betainc\]`"):
        convert_variant("v", Variant(), source, None)
    with pytest.raises(LitemillError, match="Betainc is a custom operator"):
        convert_variant("v", Variant(custom_ops=["Other"]), source, None)
    done = convert_variant("v", Variant(custom_ops=["Betainc"]), source, None)

    assert ["Betainc"] == [one.name for one in done.description.operators if one.custom]


@pytest.mark.parametrize(
    ("recipe", "types"),
    [
        ("weight_only_wi4_afp32", {"int4"}),
        ("weight_only_wi8_afp32", {"int8"}),
        ("dynamic_wi8_afp32", {"int8"}),
    ],
)
def test_a_recipe_decides_about_the_weights(recipe, types):
    """Weights alone, or with activations quantized on the fly, per channel or in blocks."""
    done = made("wide", recipe=recipes.resolve_recipe(recipe, "recipe"))

    assert types == recipes.weight_types(recipes.resolve_recipe(recipe, "recipe"))
    assert types <= set(done.description.weights)
    assert noise(done, "wide") < 0.3


@pytest.mark.parametrize(
    ("recipe", "dtype", "expected"),
    [("static_wi8_ai8", "int8", "int8"), ("static_wi8_ai16", "int16", "int16x8")],
)
def test_a_static_recipe_is_calibrated(recipe, dtype, expected):
    """And has the types at its input and output that the variant says."""
    rules, integer = recipes.resolve_recipe(recipe, "recipe"), TensorType[dtype]
    done = made(recipe=rules, input_type=TensorType.float32, output_type=integer)

    assert expected == arithmetic_of(done.description)
    assert ("float32", dtype) == (
        done.description.inputs[0].dtype,
        done.description.outputs[0].dtype,
    )
    assert FEW.samples == len(done.rows)


def test_blockwise_weights_need_a_size_that_blocks_divide():
    """So one rule for the layers that have it; others are told in one line."""
    blocks = {"operation": "FULLY_CONNECTED", "recipe": "dynamic_wi4b32_afp32"}
    done = made("blocks", recipe=recipes.resolve_recipe([blocks], "recipe"))

    assert "int4" in done.description.weights
    assert noise(done, "blocks") < 0.3
    with pytest.raises(LitemillError, match="not divisible by block size 32"):
        made("wide", recipe=recipes.resolve_recipe([blocks], "recipe"))


def test_a_mixed_recipe_has_the_types_of_all_its_rules():
    """Dense layers in 4 bits, everything else in 8."""
    rules = [
        {"recipe": "weight_only_wi8_afp32"},
        {"operation": "FULLY_CONNECTED", "recipe": "dynamic_wi4_afp32"},
    ]

    assert {"int4", "int8"} <= set(
        made(recipe=recipes.resolve_recipe(rules, "recipe")).description.weights
    )


def test_a_recipe_that_changes_nothing_is_refused():
    """The quantizer itself says nothing: it has no 8-bit blocks."""
    rules = recipes.resolve_recipe("dynamic_wi8b32_afp32", "recipe")
    with pytest.raises(LitemillError, match="requested a recipe, nothing is quantized"):
        made(recipe=rules)


def test_a_rule_that_fits_no_operator_is_refused():
    """Such as one with a name that the file has not."""
    rules = [
        {"recipe": "weight_only_wi8_afp32"},
        {"regex": "no_such_layer", "recipe": "dynamic_wi4_afp32"},
    ]
    with pytest.raises(LitemillError, match="the recipe requests int4 weights, got none"):
        made(recipe=recipes.resolve_recipe(rules, "recipe"))


def test_the_same_conversion_gives_the_same_bytes():
    """By every route."""
    for route in (Route.saved_model, Route.keras, Route.concrete_function):
        first, second = (made(optimization=INT8, route=route) for _ in range(2))

        assert first.content == second.content


def test_calibration_needs_samples_that_fit():
    """There is no random data in the place of missing samples."""
    source = zoo.source("cnn")
    with pytest.raises(LitemillError, match="no calibration samples"):
        convert_variant("v", Variant(optimization=INT8), source, None)
    with pytest.raises(LitemillError, match="asks for 100 of 32 samples"):
        convert_variant("v", Variant(optimization=INT8), source, zoo.split(source))
    with pytest.raises(LitemillError, match="the data has shape"):
        convert_variant("v", Variant(optimization=INT8), source, zoo.split(zoo.source("dense")))


def test_one_module_alone_calls_tensorflows_converter():
    """tf.lite will leave TensorFlow one day; only this module should have to change."""
    calls = re.compile(
        r"tf\.lite\b|(?:from|import) tensorflow\.lite|TFLiteConverter\b|['\"]tflite_convert['\"]"
    )
    package = Path(tflite_converter.__file__).parents[1]
    code = {path: ast.parse(path.read_text()) for path in package.rglob("*.py")}
    found = {path.name for path, tree in code.items() if calls.search(ast.unparse(_bare(tree)))}

    assert {"tflite_converter.py"} == found


def _bare(tree):
    """Remove docstrings, which may name what they like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
    return tree
