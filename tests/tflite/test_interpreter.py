from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import zoo

from litemill.core.errors import InterpreterError
from litemill.tflite.interpreter import Kernels, Model

IMAGES = zoo.batch_of(zoo.IMAGE, 6, seed=100)


def one_by_one(model, inputs):
    """Run samples in calls of their own."""
    name = next(iter(model.outputs))
    rows = range(len(next(iter(inputs.values()))))
    answers = [model.run({n: v[row : row + 1] for n, v in inputs.items()})[name] for row in rows]
    return np.concatenate(answers)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("float32", 1e-6),
        ("dynamic_range", 1e-2),
        ("float16", 1e-3),
        ("int8", 2e-2),
        ("uint8", 2e-2),
        ("int8_float_io", 2e-2),
        ("int16x8", 1e-2),
        ("int16x8_io", 1e-2),
        ("fixed_batch", 1e-6),
        ("without_signature", 1e-6),
    ],
)
def test_run_answers_as_the_source_model(name, tolerance):
    """In real numbers, whatever the types of the file are."""
    (answer,) = Model(zoo.file(name)).run({"image": IMAGES}).values()

    assert np.float32 == answer.dtype
    assert answer == pytest.approx(
        zoo.answers(zoo.cnn(), {"image": IMAGES})["digit"], abs=tolerance
    )


@pytest.mark.parametrize("name", ["float32", "int8", "fixed_batch", "reshaped", "island"])
def test_run_answers_a_batch_as_its_samples_one_by_one(name):
    """Resized, padded to a fixed batch, or one call a sample where the inside refuses more."""
    model = Model(zoo.file(name))
    (key,) = model.inputs
    samples = IMAGES if key == "image" else zoo.batch_of((3, 2), 6)
    (together,) = model.run({key: samples}).values()

    assert 6 == len(together)
    assert np.array_equal(together, one_by_one(Model(zoo.file(name)), {key: samples}))


def test_run_takes_batches_of_changing_size():
    """The last batch of a split is smaller."""
    model = Model(zoo.file("int8"))
    whole = model.run({"image": IMAGES})["digit"]
    parts = [model.run({"image": IMAGES[a:b]})["digit"] for a, b in [(0, 4), (4, 6)]]

    assert np.array_equal(whole, np.concatenate(parts))


def test_run_tells_inputs_and_outputs_apart_by_name():
    """In any order."""
    left, right = zoo.batch_of((6,), 3), zoo.batch_of((4,), 3, seed=1)
    answers = Model(zoo.file("several")).run({"right": right, "left": left})
    expected = zoo.answers(zoo.two_in_three_out(), {"left": left, "right": right})

    assert {"total", "apart", "one"} == set(answers)
    for name, value in expected.items():
        assert answers[name] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("kernels", Kernels)
def test_run_works_with_every_kernel_set(kernels):
    """They differ by a step of the quantization at most on this model."""
    model = Model(zoo.file("int8"), kernels=kernels)
    step = model.outputs["digit"].scale
    expected = Model(zoo.file("int8")).run({"image": IMAGES})["digit"]

    assert model.run({"image": IMAGES})["digit"] == pytest.approx(expected, abs=1.01 * step)


def test_stored_quantizes_as_the_converter_does():
    """The integer file on stored inputs answers as the same file with float input and output."""
    floats, integers = Model(zoo.file("int8_float_io")), Model(zoo.file("int8"))
    stored = integers.stored({"image": IMAGES})
    answer = integers.run_stored(stored)

    assert [np.int8] * 2 == [stored["image"].dtype, answer["digit"].dtype]
    assert np.array_equal(floats.run({"image": IMAGES})["digit"], integers.real(answer)["digit"])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"imag": IMAGES}, "m.tflite: no input 'imag'; did you mean 'image'?"),
        ({}, "m.tflite: no samples for input 'image'"),
        (
            {"image": IMAGES[:, :4]},
            "m.tflite, input 'image': samples of shape [4, 8, 1]; expected [8, 8, 1]",
        ),
        (
            {"image": IMAGES[:0]},
            "m.tflite: [0] samples; expected the same number for every input",
        ),
    ],
)
def test_run_refuses_inputs_that_do_not_fit(inputs, message):
    """One line that names the input."""
    with pytest.raises(InterpreterError) as caught:
        Model(zoo.file("float32"), place="m.tflite").run(inputs)

    assert message == str(caught.value)


def test_run_refuses_nan_for_a_quantized_input():
    """There is no integer for it."""
    with pytest.raises(InterpreterError, match="NaN; expected numbers"):
        Model(zoo.file("int8")).run({"image": IMAGES * np.nan})


def test_run_refuses_fractions_for_an_integer_input():
    """An index is a whole number."""
    with pytest.raises(InterpreterError, match="expected whole int32 numbers"):
        Model(zoo.file("lookup")).run({"x": np.array([[0.5]])})


def test_run_tells_why_an_operator_failed():
    """The operator is named, in one line."""
    model = Model(zoo.file("lookup"))

    assert [[[5.0, 6.0]]] == model.run({"x": np.array([[2]])})["y"].tolist()
    with pytest.raises(InterpreterError, match=r"does not run on 1 samples \(.*GATHER"):
        model.run({"x": np.array([[7]])})


def test_run_refuses_an_output_without_a_batch_axis():
    """Also where its size happens to be the number of samples."""
    for count in (2, 3):
        with pytest.raises(InterpreterError, match="expected the samples as its first axis"):
            Model(zoo.file("over_batch")).run({"x": zoo.batch_of((3,), count)})


def test_model_refuses_an_unknown_signature():
    """With the nearest name."""
    with pytest.raises(InterpreterError, match="did you mean 'serving_default'"):
        Model(zoo.file("float32"), signature="serving")


def test_model_tells_an_operator_without_a_kernel():
    """A TensorFlow operator needs a runtime that LiteRT alone is not."""
    with pytest.raises(InterpreterError, match=r"^m\.tflite: does not load \(.*FlexAtan"):
        Model(zoo.file("flex"), place="m.tflite")


def test_model_is_silent_and_needs_no_tensorflow(tmp_path):
    """A good day prints nothing, and starts fast."""
    path = tmp_path / "m.tflite"
    path.write_bytes(zoo.file("float32"))
    code = (
        "import sys, pathlib, numpy as np; from litemill.tflite.interpreter import Model;"
        f"m = Model(pathlib.Path({str(path)!r}).read_bytes());"
        "m.run({'image': np.zeros((2, 8, 8, 1), np.float32)});"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
