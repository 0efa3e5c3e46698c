from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zoo
from edited import crashing, edited

from litemill.config.schema.validate import KERNELS, Goal, Metric, Validate
from litemill.core.errors import ConfigError, DataError
from litemill.data.samples import Samples
from litemill.evaluation import kernel_matrix
from litemill.evaluation.validate import _isolated_runner, measure_variant
from litemill.runtime.subprocess_isolation import OutOfTimeError
from litemill.tflite.interpreter import Kernels, Model

COUNT = 50
IMAGES = zoo.batch_of(zoo.IMAGE, COUNT, seed=7)
TARGET = np.random.default_rng(8).integers(0, 10, COUNT)
TOP1 = Metric()
OPTIONS = Validate(batch_size=16, task="classification", metric=TOP1)
CLASSES = tuple("0123456789")
SAMPLES = Samples({"image": IMAGES}, {"target": TARGET}, CLASSES, "classification")


def reference():
    """Return what the source model answers."""
    return zoo.answers(zoo.cnn(), {"image": IMAGES})


def measure(name, *, content=None, expected=None, **changes):
    """Measure a file of the zoo."""
    asked = {"samples": SAMPLES, "options": OPTIONS, "signature": zoo.SIGNATURE, **changes}
    return measure_variant(
        content or zoo.file(name),
        variant=name,
        reference=reference() if expected is None else expected,
        **asked,
    )


def of_x(shape, count=4, *, output=(3,)):
    """Return the signature, the samples and a reference for a file with input x and output y."""
    taken = {"x": {"dtype": "float32", "shape": [None, *shape]}}
    signature = {"key": zoo.KEY, "inputs": taken, "outputs": {"y": {}}}
    samples = Samples({"x": zoo.batch_of(shape, count)}, {}, None, "none")
    return signature, samples, {"y": np.zeros((count, *output), np.float32)}


@pytest.mark.parametrize(
    ("name", "snr", "agreement"),
    [
        ("float32", 120, 1.0),
        ("float16", 60, 1.0),
        ("dynamic_range", 30, 0.9),
        ("int8", 25, 0.9),
        ("int8_float_io", 25, 0.9),
        ("int16x8", 25, 0.9),
    ],
)
def test_validate_finds_real_variants_faithful(name, snr, agreement):
    """To the degree that their types allow."""
    found = measure(name)
    digit = found["outputs"]["digit"]

    assert (None, COUNT, len(zoo.file(name))) == (
        found["error"],
        found["samples"],
        found["bytes"],
    )
    assert digit["snr_db"] is None or digit["snr_db"] > snr
    assert digit["cosine_similarity"] > 0.99
    assert 0 == digit["non_finite"]
    assert found["top1_agreement"]["digit"] >= agreement


def test_validate_measures_the_metric_and_its_drop():
    """The source's top-1 is that of the reference outputs; a drop above 0 is worse."""
    found = measure("int8")["metric"]
    source = float((reference()["digit"].argmax(-1) == TARGET).mean())

    assert ("top1", "maximize", "digit") == (found["name"], found["goal"], found["output"])
    assert source == pytest.approx(found["source"])
    assert found["source"] - found["variant"] == pytest.approx(found["drop"])


def test_validate_tells_a_drop_above_zero_when_a_smaller_metric_is_better():
    """The variant is a float32 file, the source is perfect on these targets."""
    expected = reference()
    samples = Samples({"image": IMAGES}, {"digit": expected["digit"] + 1}, None, "regression")
    metric = Metric("mse", {"_target_": "litemill.metrics.squared_error"}, Goal.minimize)
    options = Validate(task="regression", metric=metric)
    better = {"digit": expected["digit"] + np.float32(0.5)}
    found = measure("float32", samples=samples, options=options, expected=better)

    assert (0.25, 1.0, 0.75) == pytest.approx(
        tuple(found["metric"][key] for key in ("source", "variant", "drop")), abs=1e-5
    )
    assert found["top1_agreement"] is None


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_validate_is_the_same_for_every_batch_size(size, monkeypatch):
    """A way to bound memory, not a part of the measurement; blocks of them are another."""
    whole = measure("int8")
    monkeypatch.setattr(kernel_matrix, "BLOCK", 1)  # a batch each

    assert whole == measure("int8", options=replace(OPTIONS, batch_size=size))


def test_validate_writes_json_without_nan_and_with_six_digits():
    """What is below six digits differs from machine to machine."""
    found = measure("int8")

    assert found == json.loads(json.dumps(found, allow_nan=False))
    digit = found["outputs"]["digit"]
    assert all(value == float(f"{value:.6g}") for value in digit["reference_range"])


def test_validate_counts_nan_and_measures_the_rest():
    """The logarithm of a negative number; the gate fails it."""
    signature, samples, expected = of_x((3,))
    samples.inputs["x"][1, 2] = -1.0
    expected["y"] = np.log(np.abs(samples.inputs["x"]))
    options = Validate()
    found = measure(
        "logarithm", samples=samples, options=options, signature=signature, expected=expected
    )

    assert 1 == found["outputs"]["y"]["non_finite"]
    assert found["outputs"]["y"]["max_abs_error"] < 1e-5
    assert (None, None) == (found["metric"], found["error"])


def test_validate_finds_a_model_without_weights():
    """It runs, and answers nothing."""
    found = measure("weights_gone")
    digit = found["outputs"]["digit"]

    assert digit["non_finite"] == COUNT * 10 or digit["snr_db"] < 3


def test_validate_records_a_file_that_cannot_run():
    """One line in "error", and what could be read of the file."""
    signature, samples, expected = of_x((1,), output=(1, 2))
    samples = Samples({"x": np.full((4, 1), 9)}, {}, None, "none")
    signature["inputs"]["x"]["dtype"] = "int64"
    found = measure(
        "lookup", samples=samples, options=Validate(), signature=signature, expected=expected
    )

    assert "GATHER" in found["error"]
    assert {} == found["outputs"]
    assert ["GATHER"] == [operator["name"] for operator in found["operators"]]


def test_validate_records_a_file_that_is_no_model():
    """Nothing could be read of it."""
    found = measure_variant(
        b"no model",
        variant="broken",
        reference=reference(),
        samples=SAMPLES,
        signature=zoo.SIGNATURE,
        options=OPTIONS,
    )

    assert found["error"].startswith("broken: no TensorFlow Lite model")
    assert ([], {}, None) == (found["operators"], found["outputs"], found["metric"])


def test_validate_records_an_output_of_another_shape():
    """Not one that broadcasts."""
    found = measure("float32", expected={"digit": np.zeros((COUNT, 1), np.float32)})

    assert "output 'digit' is of shape [10]; expected [1]" in found["error"]


def test_validate_compares_every_output_by_name():
    """Three of different size, also in a file without a signature."""
    left, right = zoo.batch_of((6,), 9), zoo.batch_of((4,), 9, seed=1)
    expected = zoo.answers(zoo.two_in_three_out(), {"left": left, "right": right})
    taken = {
        "left": {"dtype": "float32", "shape": [None, 6]},
        "right": {"dtype": "float32", "shape": [None, 4]},
    }
    signature = {"key": zoo.KEY, "inputs": taken, "outputs": {}}
    samples = Samples({"left": left, "right": right}, {}, None, "none")
    for name in ("several", "several_without_signature"):
        found = measure(
            name, samples=samples, options=Validate(), signature=signature, expected=expected
        )
        worst = max(one["max_abs_error"] for one in found["outputs"].values())

        assert (3, None) == (len(found["outputs"]), found["error"])
        assert worst < 1e-6


def test_validate_refuses_a_reference_of_other_samples():
    """As many answers as samples."""
    with pytest.raises(DataError, match="reference outputs of 'digit'; expected 50"):
        measure("float32", expected={"digit": np.zeros((4, 10), np.float32)})


@pytest.mark.parametrize("target", ["metrics.top_one", "nowhere.top1", "top1", ""])
def test_validate_refuses_a_score_that_does_not_import(target):
    """It is named."""
    options = Validate(task="classification", metric=Metric(score={"_target_": target}))

    with pytest.raises(ConfigError, match=r"data\.metric\.score\._target_"):
        measure("float32", options=options)


def test_validate_measures_every_set_of_kernels():
    """The default ones stand on top, too; answers of int8 differ a little between them."""
    found = measure("int8")
    kernels = found["kernels"]

    assert list(KERNELS) == list(kernels)
    for key in ("outputs", "top1_agreement", "metric"):
        assert kernels["default"][key] == found[key]
    assert {"digit": 0} == kernels["default"]["flips"]
    assert len({one["outputs"]["digit"]["mean_abs_error"] for one in kernels.values()}) > 1
    assert {None} == {one["error"] for one in kernels.values()}


def test_validate_runs_the_kernels_that_are_asked_for():
    """And no others."""
    found = measure("int8", options=replace(OPTIONS, kernels=["default"]))

    assert ["default"] == list(found["kernels"])


def test_flips_are_answers_that_other_kernels_change():
    """Counted one by one."""
    found = measure("int8")["kernels"]
    answers = {
        name: Model(zoo.file("int8"), kernels=Kernels[name]).run({"image": IMAGES})["digit"]
        for name in KERNELS
    }
    for name, one in found.items():
        flips = answers[name].argmax(-1) != answers["default"].argmax(-1)
        assert {"digit": int(flips.sum())} == one["flips"]


@pytest.mark.parametrize("size", [4, 16, 64])
def test_the_reference_kernels_answer_a_bounded_number(size, monkeypatch):
    """The first ones, beside the default kernels' measures of the same."""
    monkeypatch.setattr(kernel_matrix, "BLOCK", 1)  # a batch each: some end within a block
    options = replace(OPTIONS, reference_samples=10, batch_size=size)
    found = measure("int8", options=options)["kernels"]["reference"]
    first = next(SAMPLES.batches(10))
    alone = measure(
        "int8", samples=first, expected={"digit": reference()["digit"][:10]}, options=options
    )

    assert 10 == found["samples"] == found["agreement_samples"]["digit"]["of"]
    assert alone["outputs"] == found["default"]["outputs"]
    assert alone["metric"] == found["default"]["metric"]
    assert alone["kernels"]["reference"]["outputs"] == found["outputs"]


def test_validate_tells_how_sure_the_metric_is():
    """An interval around each; and what each class does."""
    found = measure("int8")
    metric = found["metric"]

    for key in ("source", "variant", "drop"):
        low, high = metric["interval"][key]
        assert low <= metric[key] <= high
    assert COUNT == sum(metric["counts"].values()) == sum(r["samples"] for r in found["per_class"])
    assert COUNT == sum(map(sum, found["confusion"]["variant"]))
    assert found["histograms"]["digit"]["counts"]


def test_validate_compares_layers_with_the_float_file():
    """From the worst to the best, the last layer among them."""
    found = measure("int8", float_content=zoo.file("float32"))
    noise = [row["snr_db"] for row in found["layers"]]

    assert noise == sorted(noise)
    assert {"CONV_2D", "FULLY_CONNECTED"} <= {row["operator"] for row in found["layers"]}
    assert measure("int8")["layers"] is None
    assert measure("int8", float_content=zoo.file("several"))["layers"] is None


@pytest.mark.parametrize("name", ["float32", "int8"])
def test_validate_is_the_same_in_a_process_of_its_own(name):
    """Nothing is lost on the way."""
    plain = zoo.file("float32")

    assert measure(name, float_content=plain) == measure(name, float_content=plain, isolated=True)


def test_a_file_that_takes_its_process_down_is_measured_as_such():
    """What it is can still be told; LiteRT dies of SIGSEGV while it loads this one."""
    found = measure("float32", content=crashing(zoo.file("float32")), isolated=True)

    assert "float32: the process that ran it was ended by SIGSEGV" == found["error"]
    assert ({}, True) == (found["outputs"], bool(found["operators"]))


def test_kernels_that_take_the_process_down_are_told_and_the_others_measured():
    """LiteRT's reference softmax aborts on a scale as a model of vanishing weights has it."""
    signature, samples, _ = of_x((4,), 6)
    signature["outputs"] = {"share": {}}

    def change(model):
        graph = model.subgraphs[0]
        graph.tensors[graph.operators[0].inputs[0]].quantization.scale = [1e-9]

    asked = {"samples": samples, "signature": signature, "options": Validate()}
    expected = {"share": np.full((6, 4), 0.25, np.float32)}
    content = edited(zoo.file("softmax"), change)
    found = measure("softmax", content=content, expected=expected, isolated=True, **asked)
    kernels = found["kernels"]

    assert found["error"] is None
    assert "softmax: the process that ran it was ended by SIGABRT" == kernels["reference"]["error"]
    assert {None} == {kernels[name]["error"] for name in ("default", "no_delegate")}
    assert kernels["no_delegate"]["outputs"]["share"]["max_abs_error"] < 0.01


def test_a_file_that_takes_too_long_is_measured_as_such():
    """The run is ended."""
    samples = SAMPLES.take(np.zeros(200_000, np.int64))
    expected = {"digit": np.zeros((200_000, 10), np.float32)}
    options = replace(OPTIONS, timeout_seconds=0.2)
    found = measure("int8", samples=samples, expected=expected, options=options, isolated=True)

    assert "int8: no answer within 0.2 s; the run was ended" == found["error"]


def test_the_time_is_that_of_all_runs_of_a_file():
    """A file that crashes is run several times."""
    run = _isolated_runner("slow", 1.5)
    run(time.sleep, 1)

    with pytest.raises(OutOfTimeError, match=r"^slow: no answer within 1.5 s; the run was ended$"):
        run(time.sleep, 1)


def test_validate_as_a_stage_needs_no_tensorflow(tmp_path):
    """`python -m stages.validate float32` on files as the other stages write them."""
    write_stages(tmp_path, zoo.file("float32"))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stages.validate", "float32"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert (0, "") == (done.returncode, done.stdout), done.stderr
    assert "numpy" in imported
    assert not {"tensorflow", "keras", "hydra", "omegaconf"} & imported
    assert measure("float32") == json.loads((tmp_path / "build/validate/float32.json").read_text())


def write_stages(root, content):
    """Write what validate reads, as the stages before it do."""
    split, export = root / "build/prepare/evaluation", root / "build/export"
    for folder in (split / "inputs", split / "targets", export / "reference"):
        folder.mkdir(parents=True)
    np.save(split / "inputs/0.npy", IMAGES)
    np.save(split / "targets/0.npy", TARGET)
    np.save(export / "reference/0.npy", reference()["digit"])
    (export / "reference/names.json").write_text('["digit"]')
    message = {
        "samples": COUNT,
        "sha256": "",
        "inputs": {"image": {"dtype": "float32", "shape": [8, 8, 1]}},
        "targets": {"target": {"dtype": TARGET.dtype.name, "shape": []}},
        "classes": list(CLASSES),
        "task": "classification",
    }
    (split / "split.json").write_text(json.dumps(message))
    (export / "signature.json").write_text(json.dumps(zoo.SIGNATURE))
    (export / "signatures").mkdir()
    index = {"main": zoo.SIGNATURE["key"], "others": [], "scaling": None}
    (export / "signatures/index.json").write_text(json.dumps(index))
    (root / "build/convert/float32").mkdir(parents=True)
    (root / "build/convert/float32/model.tflite").write_bytes(content)
    params = {
        "convert": {"float32": {"signature": None}},
        "targets": {"float32": {"name": "cpu", "options": {"kind": "cpu"}, "versions": {}}},
        "validate": {
            "batch_size": 16,
            "threads": 1,
            "accept_chance": True,  # of a model that nobody trained
            "task": "classification",
            "metric": {
                "name": "top1",
                "score": {"_target_": "litemill.metrics.top1"},
                "goal": "maximize",
                "output": None,
            },
        },
    }
    (root / "build/params.json").write_text(json.dumps(params))
