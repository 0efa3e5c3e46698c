"""Every source of the zoo over the routes: the file answers as the source model does."""

from __future__ import annotations

import numpy as np
import pytest
import zoo

from litemill.config.schema.variant import Route, Variant
from litemill.conversion.convert import convert_variant
from litemill.core.errors import LitemillError
from litemill.tflite.interpreter import Model

RECURRENT = ("lstm", "gru")


def converted(name, variant, key=None):
    """Convert a source of the zoo without quantization; (description, answers, true answers)."""
    source = zoo.source(name) if key is None else zoo.module_source(key)
    done = convert_variant("v", variant, source, None)
    samples = zoo.split(source, 8)
    answers = Model(done.content, signature=source.key).run(samples.inputs)
    return done, answers, zoo.truth(source, samples)


def assert_faithful(answers, truth):
    """Compare by output name, to the rounding of float32."""
    assert sorted(truth) == sorted(answers)
    for name, expected in truth.items():
        np.testing.assert_allclose(answers[name], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in zoo.SOURCES if name not in RECURRENT])
def test_saved_model_gives_a_faithful_file_of_every_source(name):
    """Several inputs and outputs, any length, integers, attention, convolutions, a fixed batch."""
    _, answers, truth = converted(name, Variant())

    assert_faithful(answers, truth)


@pytest.mark.parametrize("name", ["several", "embedding", "sequence", "fixed"])
@pytest.mark.parametrize("route", [Route.keras, Route.concrete_function])
def test_the_other_routes_give_the_same_answers(name, route):
    """By name, although the converter numbers a Keras model's outputs."""
    _, answers, truth = converted(name, Variant(route=route))

    assert_faithful(answers, truth)


def test_cli_gives_the_bytes_of_saved_model():
    """The program tflite_convert does nothing else."""
    by_program = convert_variant("v", Variant(route=Route.cli), zoo.source("several"), None)

    assert (
        convert_variant("v", Variant(), zoo.source("several"), None).content == by_program.content
    )


@pytest.mark.parametrize("key", ["double", "total"])
def test_a_signature_of_a_module_is_chosen_by_name(key):
    """And only that one is in the file."""
    done, answers, truth = converted(None, Variant(), key)

    assert_faithful(answers, truth)
    assert [key] == [signature.key for signature in done.description.signatures]


@pytest.mark.parametrize("route", [Route.keras, Route.concrete_function])
def test_routes_that_rename_the_signature_are_refused(route):
    """Two of the converter's entrances know one name only."""
    told = "names every signature serving_default; use the route saved_model, which keeps 'double'"
    with pytest.raises(LitemillError, match=told):
        convert_variant("v", Variant(route=route), zoo.module_source("double"), None)


@pytest.mark.parametrize(
    ("name", "route", "options"),
    [
        ("lstm", Route.saved_model, {"batch": 2}),
        ("lstm", Route.keras, {"unroll": True}),
        ("gru", Route.saved_model, {"unroll": True}),
        ("gru", Route.keras, {"batch": 2}),
    ],
)
def test_recurrent_layers_convert_with_a_fixed_batch_or_unrolled(name, route, options):
    """A graph for any batch size has lists of tensors, which TensorFlow Lite lacks."""
    done, answers, truth = converted(name, Variant(route=route, **options))

    assert_faithful(answers, truth)
    assert (options.get("batch", -1), 6, 3) == done.description.inputs[0].shape
    assert ("WHILE" in {one.name for one in done.description.operators}) == ("batch" in options)


def test_a_recurrent_layer_for_any_batch_is_refused_with_the_ways_out():
    """In one line, not in the converter's hundred."""
    with pytest.raises(LitemillError) as caught:
        convert_variant("v", Variant(), zoo.source("lstm"), None)

    assert (
        "variant v: a recurrent layer (or another loop) for any batch size, which TensorFlow Lite "
        "lacks; `batch: 1` fixes the size, `unroll: true` unrolls recurrent layers"
    ) == str(caught.value)


@pytest.mark.parametrize("route", [Route.saved_model, Route.keras, Route.concrete_function])
def test_a_fixed_batch_is_in_the_file(route):
    """Of every input and output."""
    done, answers, truth = converted("several", Variant(route=route, batch=3))

    assert_faithful(answers, truth)
    assert {3} == {
        tensor.shape[0] for tensor in (*done.description.inputs, *done.description.outputs)
    }


def test_a_graph_of_no_keras_takes_a_fixed_batch_and_is_not_unrolled():
    """It is called with the size; it cannot be traced anew."""
    done, _, _ = converted(None, Variant(batch=2), "total")

    assert {2} == {tensor.shape[0] for tensor in done.description.inputs}
    with pytest.raises(LitemillError, match=r"`unroll` of a graph; expected a \.keras"):
        convert_variant("v", Variant(unroll=True), zoo.module_source("total"), None)


def test_unroll_refuses_a_model_without_recurrent_layers_and_one_of_any_length():
    """Each in one line."""
    with pytest.raises(LitemillError, match="no recurrent layers; expected `unroll: false`"):
        convert_variant("v", Variant(unroll=True), zoo.source("cnn"), None)
