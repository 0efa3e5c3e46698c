from __future__ import annotations

import zoo

from litemill.conversion import float_model
from litemill.core.files import read_json
from litemill.runtime.capture_output import capture_output
from litemill.tflite.flatbuffer import describe


def written(source, out):
    """Write the float file of a source model."""
    with capture_output():
        float_model.write_float_model(source, out)
    return out / "float"


def test_the_float_file_is_the_plain_conversion(tmp_path):
    """No weights but floats; the same bytes again."""
    source = zoo.source("dense")
    file = written(source, tmp_path / "one") / "model.tflite"
    again = written(source, tmp_path / "two") / "model.tflite"

    assert {"error": None} == read_json(file.with_name("record.json"))
    assert {"int8", "float16"}.isdisjoint(describe(file.read_bytes()).weights)
    assert file.read_bytes() == again.read_bytes()


def test_a_graph_without_a_plain_conversion_leaves_the_reason(tmp_path):
    """And no file: its variants are compared by their answers alone."""
    folder = written(zoo.function_source("unsupported"), tmp_path)

    assert ["record.json"] == [path.name for path in folder.iterdir()]
    told = {"error": "no TensorFlow Lite operator for Cholesky, MatrixInverse"}
    assert told == read_json(folder / "record.json")
