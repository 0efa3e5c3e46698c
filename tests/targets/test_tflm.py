"""What TensorFlow Lite Micro takes, refuses and answers."""

from __future__ import annotations

import micro
import numpy as np
import pytest
import zoo

from litemill.config.schema.target import Tflm
from litemill.config.schema.variant import Optimization, TensorType, Variant
from litemill.core.errors import InterpreterError
from litemill.targets.kinds import KINDS
from litemill.targets.tflm_arena import smallest
from litemill.targets.tflm_interpreter import TflmModel, open_interpreter
from litemill.targets.tflm_operators import RESOLVER_METHODS
from litemill.tflite.flatbuffer import describe

TFLM, ETHOS_U = KINDS["tflm"], KINDS["ethos_u"]
IMAGES = zoo.batch_of(zoo.IMAGE, 20, seed=7)


def load(name, **options):
    """Load a file of the zoo with a generous arena."""
    return TflmModel(zoo.file(name), arena=1 << 20, **options)


@pytest.mark.parametrize("name", ["float32", "int8", "int8_per_tensor", "int16x8_io"])
def test_answers_are_those_of_the_interpreter_bit_for_bit(name):
    """Called here as tflite-micro's own example does, sample by sample."""
    model = load(name)
    stored = model.stored({"image": IMAGES})
    expected = micro.answers(zoo.file(name), stored["image"])

    assert np.array_equal(expected, model.run_stored(stored)["digit"])


def test_inputs_and_outputs_are_matched_by_name():
    """Several of each, whose order in the signature is not that of the graph."""
    model, name = load("several"), "several"
    rng = np.random.default_rng(3)
    shapes = {key: (5, *tensor.shape[1:]) for key, tensor in model.inputs.items()}
    inputs = {key: rng.random(shape, np.float32) for key, shape in shapes.items()}
    expected = zoo.answers(zoo.two_in_three_out(), inputs)

    found = model.run(inputs)

    assert set(expected) == set(found)
    for key, values in expected.items():
        assert np.allclose(values, found[key], atol=1e-5), (name, key)


def test_variables_carry_their_values_through_a_sequence():
    """As LiteRT carries them, and the model itself."""
    steps = zoo.batch_of((4,), 6, seed=2)
    [answers] = load("stateful").run({"x": steps}).values()

    assert np.allclose(zoo.remembered(steps), answers, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dynamic_range", "float activations with int8 weights"),
        ("float16", "float16 weights"),
        ("flex", "no kernel for FlexAtan (layer "),
    ],
)
def test_unsupported_files_are_refused_in_words(name, words):
    """What is wrong, in which layer, and what to do."""
    content = zoo.file(name)
    with pytest.raises(InterpreterError) as refused:
        TFLM.unsupported(content, describe(content), name)
    assert words in refused.value.found
    assert refused.value.expected


def test_an_operator_without_a_kernel_is_named_with_its_layer_and_a_replacement():
    """As the interpreter would refuse it, which names no layer."""
    import tensorflow as tf

    content = zoo.convert(
        tf.keras.Sequential(
            [tf.keras.Input((4,), name="x"), tf.keras.layers.Dense(3, activation="gelu", name="y")]
        )
    )
    with pytest.raises(InterpreterError) as refused:
        TFLM.unsupported(content, describe(content), "mine")
    assert "TFLM has no kernel for GELU (layer " in refused.value.found
    assert "relu" in refused.value.expected
    with pytest.raises(InterpreterError, match="GELU"):
        open_interpreter(content, 1 << 20, "mine")


def test_the_table_of_operators_holds_what_the_zoo_runs():
    """Every operator of a file that TFLM runs has a method of the resolver."""
    for name in ("float32", "int8", "int16x8_io", "several", "stateful"):
        load(name)
        names = {operator.name for operator in describe(zoo.file(name)).operators}
        assert names <= RESOLVER_METHODS.keys()


@pytest.mark.parametrize("name", ["float32", "int8", "int8_float_io", "several_int8"])
def test_the_smallest_arena_is_that_of_a_bisection(name, tmp_path):
    """Found here in processes of their own; 16 bytes less do not do."""
    from litemill.evaluation.validate import _isolated_runner

    content = zoo.file(name)
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    inputs = len(describe(content).inputs)
    low, high = 0, 1 << 16
    while high - low > 16:
        middle = (low + high) // 32 * 16
        works = micro.runs_in(path, middle, inputs)
        low, high = (low, middle) if works else (middle, high)

    arena = TFLM.measure_memory(content, name, _isolated_runner(name, 60))

    assert high == arena["smallest"]
    assert arena["total"] == arena["head"] + arena["tail"] <= arena["smallest"]


@pytest.mark.parametrize("true", [16, 48, 5_840, 100_000])
@pytest.mark.parametrize("guess", [16, 5_840, 5_848, 90_000])
def test_smallest_is_found_from_any_guess(guess, true):
    """Above and below."""
    assert true == smallest(lambda size: size >= true, guess)


def refusals(kind, **options):
    """Return the options of a variant that a kind refuses."""
    errors = list(kind.conflicts(Variant(**options), str))
    assert all(error.expected for error in errors)
    return [error.place for error in errors]


INTEGERS = {
    "optimization": Optimization.int8,
    "input_type": TensorType.int8,
    "output_type": TensorType.int8,
}


def test_conflicts_are_what_the_interpreters_refuse():
    """Before anything is converted."""
    assert [] == refusals(TFLM) == refusals(TFLM, **INTEGERS)
    assert ["optimization"] == refusals(TFLM, optimization=Optimization.dynamic_range)
    assert ["optimization"] == refusals(TFLM, optimization=Optimization.float16)
    assert ["select_tf_ops"] == refusals(TFLM, select_tf_ops=True)
    assert [] == refusals(ETHOS_U, **INTEGERS, batch=1)
    assert ["batch"] == refusals(ETHOS_U, **INTEGERS)
    ends = ["input_type", "output_type"]
    assert ends == refusals(ETHOS_U, optimization=Optimization.int8, batch=1)
    assert ["optimization", *ends] == refusals(ETHOS_U, batch=1)


def test_target_options_are_checked(tmp_path):
    """Numbers, by the place of each."""
    errors = TFLM.target_errors(Tflm("tflm", samples=0, timeout_seconds=0), str, tmp_path)
    assert ["samples", "timeout_seconds"] == [error.place for error in errors]
