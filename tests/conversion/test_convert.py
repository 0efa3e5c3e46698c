from __future__ import annotations

import hashlib

import pytest
import zoo

from litemill.config.schema.variant import Calibration, Optimization, TensorType, Variant
from litemill.conversion.convert import convert_variant, write_variant
from litemill.core.errors import ErrorGroup, LitemillError
from litemill.core.files import read_json

INT8 = Variant(
    optimization=Optimization.int8,
    input_type=TensorType.int8,
    calibration=Calibration(samples=8),
)


def test_convert_writes_the_file_and_what_was_asked_and_found(tmp_path):
    """The record is what a review of a release reads."""
    source = zoo.source("cnn")
    write_variant("small", INT8, source, zoo.split(source), tmp_path)
    record, file = read_json(tmp_path / "record.json"), (tmp_path / "model.tflite").read_bytes()

    assert ("small", "int8", [*range(8)]) == (
        record["variant"],
        record["asked"]["optimization"],
        record["calibration_rows"],
    )
    assert hashlib.sha256(file).hexdigest() == record["sha256"]
    assert ["int8", len(file)] == [record["found"]["inputs"][0]["dtype"], record["found"]["bytes"]]


def test_a_failed_conversion_leaves_what_was_there(tmp_path):
    """Nothing takes the place of a file before it is known to be right."""
    (tmp_path / "model.tflite").write_text("before")
    with pytest.raises(ErrorGroup, match=r"SIN of layer .* computes in float"):
        write_variant("v", INT8, zoo.source("island"), zoo.split(zoo.source("island")), tmp_path)

    assert ["model.tflite"] == [path.name for path in tmp_path.iterdir()]
    assert "before" == (tmp_path / "model.tflite").read_text()


def test_every_departure_is_told():
    """Not the first one alone."""
    source = zoo.source("attention")
    with pytest.raises(ErrorGroup) as caught:
        convert_variant("v", INT8, source, zoo.split(source))

    assert all(str(one).startswith("variant v: ") for one in caught.value.errors)
    assert all(str(one).endswith("; output discarded") for one in caught.value.errors)


def test_explained_failures_print_nothing_but_their_line(capfd):
    """The converter's hundred lines say nothing more."""
    with pytest.raises(LitemillError):
        convert_variant("v", Variant(), zoo.function_source("unsupported"), None)

    assert ("", "") == capfd.readouterr()
