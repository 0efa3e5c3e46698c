from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zoo
from edited import (
    crashing,
    edited,
    lift,
    other_training,
    position,
    with_constant,
    without_names,
)

from litemill.audit.audit import against
from litemill.audit.audit_result import Verdict
from litemill.audit.source_candidate import SourceRequest
from litemill.config.schema.train import Model
from litemill.config.schema.variant import Optimization
from litemill.core.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


def source_of(folder, model):
    """Load a Keras model as an audit does, in a process of its own."""
    from litemill.audit.audit import _load_source

    functional(model).save(folder / "model.keras")
    arrays = {
        tensor.name: zoo.batch_of(tuple(tensor.shape[1:]), 20, seed=100) for tensor in model.inputs
    }
    np.savez(folder / "samples.npz", **arrays)
    return _load_source(
        SourceRequest(Model(file=str(folder / "model.keras")), str(folder / "samples.npz"))
    )


def functional(model):
    """Give a Keras model that is no Sequential."""
    keras = zoo.quiet_keras()
    if not isinstance(model, keras.Sequential):
        return model
    return keras.Model(model.inputs[0], model.layers[-1].output)


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    """Give the cnn as a source."""
    return source_of(tmp_path_factory.mktemp("cnn"), zoo.cnn())


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Give a source with two outputs of one shape."""
    return source_of(tmp_path_factory.mktemp("twins"), zoo_twins())


def zoo_twins():
    """Give a Keras model: x [6] to `first` [4] and `second` [4]."""
    keras = zoo.quiet_keras()
    keras.utils.set_random_seed(6)
    x = keras.Input((6,), name="x")
    outputs = {name: keras.layers.Dense(4, name=name)(x) for name in ("first", "second")}
    return keras.Model(x, outputs)


@pytest.fixture
def judged(tmp_path):
    """Give a function that audits a file's content against a loaded source."""

    def judge(content, source, **options):
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        return against(lambda: source, "model.keras", path, **options)

    return judge


@pytest.mark.parametrize(
    ("name", "kind", "claimed"),
    [
        ("float32", "float32", Optimization.none),
        ("float16", "float16", Optimization.float16),
        ("dynamic_range", "dynamic range", Optimization.dynamic_range),
        ("int8", "int8", Optimization.int8),
        ("int8_float_io", "int8", Optimization.int8),
        ("int16x8", "int16x8", Optimization.int16x8),
        ("fixed_batch", "float32", None),
        ("without_signature", "float32", None),
    ],
)
def test_audit_passes_conversions_of_every_kind(judged, cnn, name, kind, claimed):
    """With their inputs and outputs under other names and in other types."""
    found = judged(zoo.file(name), cnn, claimed=claimed)

    assert (Verdict.faithful, kind, [], []) == (
        found.verdict,
        found.kind,
        found.faults,
        found.doubts,
    )
    assert 20 == found.samples
    assert found.weights is not None
    assert 4 == len(found.weights.compared)


def test_audit_fails_a_file_of_another_training(judged, cnn):
    """Of the same architecture."""
    found = judged(other_training(), cnn)

    assert Verdict.not_faithful == found.verdict
    assert "weights are unrelated to the source's" == found.faults[0].found
    assert found.faults[1].found.startswith("output 'digit' at ")


@pytest.mark.parametrize(("name", "dtype"), [("float32", "f4"), ("int8_float_io", "i4")])
def test_audit_fails_one_changed_bias_and_names_its_layer(judged, cnn, name, dtype):
    """By the name that the source has for it."""
    content = zoo.file(name)
    content = with_constant(content, position(content, "CONV_2D"), 2, lift(dtype), dtype)

    found = judged(content, cnn)

    assert Verdict.not_faithful == found.verdict
    layer = next(iter(cnn.variables)).partition("/")[0]
    assert f"biases of {layer} differ from the source's" == found.faults[0].found


def test_audit_fails_weights_that_are_gone(judged, cnn):
    """The trap that every tutorial from before Keras 3 teaches."""
    found = judged(zoo.file("weights_gone"), cnn)

    assert Verdict.not_faithful == found.verdict
    assert found.faults[0].found.startswith("uninitialised variables: ")


@pytest.mark.parametrize(
    ("name", "claimed", "told"),
    [
        ("dynamic_range", Optimization.none, "claimed float32, got dynamic range"),
        ("dynamic_range", Optimization.int8, "claimed int8, got dynamic range"),
        ("int8", Optimization.int16x8, "claimed int16x8, got int8"),
        ("float32", Optimization.dynamic_range, "claimed dynamic range, got float32"),
    ],
)
def test_audit_fails_files_that_are_not_what_is_claimed(judged, cnn, name, claimed, told):
    """Though they answer well."""
    found = judged(zoo.file(name), cnn, claimed=claimed)

    assert Verdict.not_faithful == found.verdict
    assert [told] == [fault.found.partition(" (")[0] for fault in found.faults]


def test_audit_fails_outputs_that_changed_places(judged, twins):
    """And says which answers what."""

    def swap(model):
        one, other = model.signatureDefs[0].outputs
        one.tensorIndex, other.tensorIndex = other.tensorIndex, one.tensorIndex

    found = judged(edited(zoo.convert(zoo_twins()), swap), twins)

    assert Verdict.not_faithful == found.verdict
    assert "output 'first' answers what the source's 'second' does" in [
        fault.found for fault in found.faults
    ]


def test_audit_says_when_it_went_by_position(judged, twins):
    """In the source's order: faithful. In another: nobody can tell which is meant."""
    content = without_names(zoo.convert(zoo_twins()))
    found = [judged(without_names(content, order), twins) for order in ([0, 1], [1, 0])]

    assert {Verdict.faithful, Verdict.could_not_tell} == {one.verdict for one in found}
    for one in found:
        assert "output 'first' was matched with 'Identity' by position" in one.notes
    (doubt,) = next(one.doubts for one in found if one.doubts)
    assert doubt.found.startswith("faithful only with the outputs first = Identity_1, ")


def test_audit_fails_files_of_another_architecture(judged, cnn):
    """Which the inputs tell."""
    found = judged(zoo.file("several"), cnn)

    assert Verdict.not_faithful == found.verdict
    assert "no input for the source's 'image' [any, 8, 8, 1]" in found.faults[0].found


def test_audit_survives_a_file_that_ends_its_process(judged, cnn):
    """And names the signal."""
    found = judged(crashing(zoo.file("float32")), cnn)

    assert Verdict.not_faithful == found.verdict
    assert any("was ended by SIGSEGV" in fault.found for fault in found.faults)


def test_audit_could_not_tell_what_takes_too_long(judged, cnn):
    """A limit that no process can keep."""
    found = judged(zoo.file("float32"), cnn, seconds=0.001)

    assert Verdict.could_not_tell == found.verdict
    assert "no answer within 0.001 s" in found.doubts[0].found


def test_audit_could_not_tell_operators_that_litert_lacks(judged, cnn):
    """A file that needs TensorFlow's own."""

    def custom(model):
        code = model.operatorCodes[0]
        code.builtinCode = code.deprecatedBuiltinCode = 32  # CUSTOM
        code.customCode = "Mine"

    found = judged(edited(zoo.file("float32"), custom), cnn)

    assert any("Mine" in doubt.found for doubt in found.doubts)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\0\0\0\0TFL3"])
def test_audit_fails_what_is_no_tflite_file(judged, cnn, content):
    """Before the source is loaded."""
    found = judged(content, cnn)

    assert (Verdict.not_faithful, 1) == (found.verdict, len(found.faults))


def test_audit_could_not_tell_without_a_file_or_a_source(tmp_path, cnn):
    """Nobody looked at anything."""
    missing = against(lambda: cnn, "model.keras", tmp_path / "none.tflite")
    (tmp_path / "model.tflite").write_bytes(zoo.file("float32"))

    def refuse():
        raise DataError("samples.npz", "no such file")

    unread = against(refuse, "model.keras", tmp_path / "model.tflite")

    assert Verdict.could_not_tell == missing.verdict == unread.verdict
    assert ["samples.npz: no such file"] == [str(doubt) for doubt in unread.doubts]


def test_audit_could_not_tell_what_cannot_be_opened(tmp_path, cnn):
    """Whatever the operating system has against the path."""
    (tmp_path / "f").write_bytes(b"")

    found = against(lambda: cnn, "model.keras", tmp_path / "f" / "x.tflite")

    assert Verdict.could_not_tell == found.verdict
    assert [f"{tmp_path}/f/x.tflite: Not a directory"] == [str(doubt) for doubt in found.doubts]


def command(*arguments, cwd):
    """Run `litemill audit` as people do."""
    return subprocess.run(
        [sys.executable, "-m", "litemill", "audit", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_audit_command_tells_the_verdict_first_and_leaves_nothing_behind(tmp_path):
    """Exit status 2 for samples that do not fit the model."""
    functional(zoo.cnn()).save(tmp_path / "model.keras")
    (tmp_path / "model.tflite").write_bytes(zoo.file("float32"))
    np.save(tmp_path / "samples.npy", np.ones((3, 9, 9, 1), np.float32))
    there = sorted(tmp_path.iterdir())
    files = ("model.keras", "model.tflite", "--samples", "samples.npy")

    done = command(*files, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)

    assert (2, "", "could_not_tell") == (done.returncode, done.stderr, found["verdict"])
    assert "the data has shape [9, 9, 1] a sample" in found["doubts"][0]
    assert there == sorted(tmp_path.iterdir())
