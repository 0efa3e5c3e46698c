from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zoo

from litemill.cli import inspect
from litemill.core.errors import InterpreterError


def printed(capsys, *arguments):
    """Run the command; give what it printed."""
    parser = argparse.ArgumentParser()
    inspect.configure(parser)
    assert 0 == inspect.run(parser.parse_args([str(argument) for argument in arguments]))
    return capsys.readouterr().out


@pytest.fixture
def model(tmp_path):
    """Give the path of an int8 file."""
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.file("int8"))
    return path


def test_inspect_tells_what_a_file_is(capsys, model):
    """Kind, size, tensors, signature, operators, share of the constants."""
    text = printed(capsys, model)

    assert text.startswith(f"model.tflite: int8, {len(zoo.file('int8')):,} bytes\n")
    assert "serving_default_image:0  int8  [?, 8, 8, 1]" in text
    assert "serving_default  image -> digit" in text
    assert "1 x  CONV_2D          int8, (int8), (int32) -> int8" in text
    assert "FULLY_CONNECTED" in text


def test_inspect_prints_everything_as_json(capsys, model):
    """For programs."""
    found = json.loads(printed(capsys, model, "--json"))

    assert ("int8", "1.14.0") == (found["kind"], found["min_runtime_version"])
    assert 4840 == found["weights"]["int8"]["elements"]


def test_inspect_shows_files_without_signatures(capsys, tmp_path):
    """Tensors have names of their own."""
    path = tmp_path / "plain.tflite"
    path.write_bytes(zoo.file("without_signature"))

    assert "signatures: none" in printed(capsys, path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file; expected a .tflite file"),
        (b"", "empty file; expected a .tflite file"),
        (b"PK\3\4 a zip file", "no TensorFlow Lite model (the mark TFL3 is missing)"),
    ],
)
def test_inspect_refuses_other_files(tmp_path, content, told):
    """In one line that names the file."""
    path = tmp_path / "other.bin"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InterpreterError) as caught:
        inspect.run(argparse.Namespace(file=path, json=False, all=False))

    assert str(caught.value).startswith(f"{path}: {told}")


def test_inspect_imports_nothing_heavy():
    """So that `--help` answers at once."""
    code = (
        "import sys, litemill.cli.inspect;"
        "assert not {'numpy', 'tensorflow', 'ai_edge_litert'} & set(sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def damaged(name):
    """Give content that looks like a .tflite file and is none."""
    whole = zoo.file("int8")
    start = {"huge": 0x7FFFFFFF, "at the end": len(whole) - 2}.get(name, 0)
    if start:
        return start.to_bytes(4, "little") + whole[4:]
    return {"cut": whole[: len(whole) // 2], "mark only": b"\0\0\0\0TFL3"}[name]


@pytest.mark.parametrize("name", ["cut", "mark only", "huge", "at the end"])
def test_inspect_tells_damage_in_one_line(tmp_path, name):
    """Exit status 1 and no traceback."""
    (tmp_path / "m.tflite").write_bytes(damaged(name))
    command = [sys.executable, "-m", "litemill", "inspect", "m.tflite"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (1, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert done.stderr.startswith("m.tflite: damaged or truncated at ")


def test_inspect_tells_the_size_of_every_layer(capsys, model):
    """Weights and biases together, the largest first."""
    found = json.loads(printed(capsys, model, "--json"))["layers"]

    assert ["CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED"] == [
        one["operator"] for one in found if one["dtype"] == "int8"
    ]
    assert 8 * 9 + 8 * 4 == found[0]["bytes"]
    assert sum(one["bytes"] for one in found) == sum(
        share["bytes"] for share in json.loads(printed(capsys, model, "--json"))["weights"].values()
    )
    assert "size by layer:\n  4,608 bytes" in printed(capsys, model)


def test_inspect_lists_the_largest_layers_unless_all_are_asked_for(capsys, tmp_path):
    """Ten."""
    keras = zoo.quiet_keras()
    layers = [keras.layers.Dense(3 + i, name=f"layer_{i}") for i in range(12)]
    path = tmp_path / "deep.tflite"
    path.write_bytes(zoo.convert(keras.Sequential([keras.layers.Input((4,), name="x"), *layers])))

    assert "  and 2 more with " in printed(capsys, path)
    assert 12 == printed(capsys, path, "--all").partition("size by layer:")[2].count(" bytes ")
