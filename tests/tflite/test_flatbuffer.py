from __future__ import annotations

import json
import random
from dataclasses import asdict

import pytest
import zoo

from litemill.core.errors import InterpreterError
from litemill.tflite.flatbuffer import describe


@pytest.mark.parametrize("name", ["float32", "int8", "int16x8", "several", "weights_gone"])
def test_describe_gives_plain_json(name):
    """Records and `--json` hold the description as it is."""
    found = asdict(describe(zoo.file(name)))

    assert found["bytes"] == json.loads(json.dumps(found))["bytes"] == len(zoo.file(name))


def test_describe_tells_inputs_and_outputs_with_their_quantization():
    """Type, shape with a dynamic batch, scale and zero point are the file's own."""
    (given,), (answer,) = describe(zoo.file("int8")).inputs, describe(zoo.file("int8")).outputs

    assert ("int8", (-1, 8, 8, 1), -128) == (given.dtype, given.shape, given.zero_point)
    assert given.scale == pytest.approx(1 / 255, rel=1e-2)
    assert ("int8", (-1, 10)) == (answer.dtype, answer.shape)


def test_describe_tells_signatures_by_name():
    """Names are the source model's own."""
    (signature,) = describe(zoo.file("several")).signatures

    assert zoo.KEY == signature.key
    assert ["left", "right"] == list(signature.inputs)
    assert {"total": (-1, 3), "apart": (-1, 5), "one": (-1, 1)} == {
        name: tensor.shape for name, tensor in signature.outputs.items()
    }


def test_describe_counts_operators_by_name_and_types():
    """Constants are told from activations by parentheses."""
    rows = {(o.name, o.types): (o.count, o.boundary) for o in describe(zoo.file("int8")).operators}

    assert (1, 1) == rows["CONV_2D", "int8, (int8), (int32) -> int8"]
    assert (2, 1) == rows["FULLY_CONNECTED", "int8, (int8), - -> int8"]


def test_describe_sums_constants_by_type():
    """The weights' share of the file, in elements and bytes."""
    weights = describe(zoo.file("float16")).weights

    assert 8 * 9 + 8 + 288 * 16 + 16 * 10 == weights["float16"].elements
    assert 2 * weights["float16"].elements == weights["float16"].bytes
    assert "float32" not in weights


def test_describe_tells_per_channel_scales():
    """A dense layer has a scale for each of its units, along dimension 0."""
    dense = [c for c in describe(zoo.file("int8")).constants if c.operator == "FULLY_CONNECTED"]

    assert [(16, 0), (10, 0)] == [(c.scales, c.quantized_dimension) for c in dense]


def test_describe_tells_the_minimum_runtime_version():
    """It is in the file's metadata."""
    assert "1.14.0" == describe(zoo.file("int8")).min_runtime_version


def test_describe_finds_variables_that_nothing_sets():
    """That is what the converter leaves where it lost a Keras 3 model's weights."""
    assert 6 == len(describe(zoo.file("weights_gone")).unset_variables)
    assert () == describe(zoo.file("float32")).unset_variables


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" * 9, b"\0" * 64])
def test_describe_refuses_other_formats(content):
    """One line that says what was expected."""
    with pytest.raises(InterpreterError, match=r"^photo\.png: .*expected a \.tflite file$"):
        describe(content, "photo.png")


def test_describe_refuses_a_truncated_file_and_names_the_place():
    """Cut anywhere, it is an error or (in the padding at the end) the same description."""
    whole = zoo.file("int8")
    for length in range(8, len(whole) - 64, 97):
        with pytest.raises(InterpreterError, match=r"^m\.tflite: damaged or truncated at "):
            describe(whole[:length], "m.tflite")


def test_describe_survives_any_damage():
    """Flipped bits and wild offsets give a description or an InterpreterError, nothing else."""
    whole, source = zoo.file("several"), random.Random(1)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(source.choice([1, 4, 30])):
            damaged[source.randrange(8, len(damaged))] ^= 1 << source.randrange(8)
        place = source.randrange(8, len(damaged) - 4)
        damaged[place : place + 4] = source.choice([b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
        try:
            describe(bytes(damaged))
        except InterpreterError:
            refused += 1

    assert 100 < refused < 300
