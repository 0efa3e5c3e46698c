"""`litemill improve` and `litemill sensitivity` on a real build whose int8 is bad by one layer."""

from __future__ import annotations

import json
import re
import sys

import pytest
import yaml

from litemill.core.files import sha256

pytestmark = pytest.mark.pipeline

LITEMILL = (sys.executable, "-m", "litemill")
# Two units of the hidden dense layer are made large, and the next layer's weights small: the same
# answers, but what the other units say is below one step of an int8 that has to hold these.
UNEVEN = """\
import keras
model = keras.saving.load_model("build/train/model.keras")
first, last = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
weights, bias = first.get_weights()
after, offset = last.get_weights()
for unit in (weights.sum(0) + bias).argsort()[-2:]:
    weights[:, unit] *= 4096; bias[unit] *= 4096; after[unit] /= 4096
first.set_weights([weights, bias]); last.set_weights([after, offset])
model.save("build/train/model.keras")
"""
PARAMS = """\
model: digits_cnn
data: digits
train: default
variants:
  - float32
  - int8
  - int16x8
overrides:
  train: {epochs: 1}
  limits: {snr_db: 20, top1_agreement: 0.9, metric_drop_relative: null}
"""


@pytest.fixture(scope="module")
def uneven(first_build, tmp_path_factory):
    """Return a built copy of the project with an uneven layer; not to be edited."""
    project = first_build.copy(tmp_path_factory.mktemp("uneven"))
    project.write("params.yaml", PARAMS)
    for words in (("-c", UNEVEN), ("-m", "stages.configure"), ("-m", "stages.export")):
        done = project.run(sys.executable, *words)
        assert done.status == 0, done.out + done.err
    return project


@pytest.fixture(scope="module")
def improved(uneven, tmp_path_factory):
    """Let improve write what it finds, once; not to be edited."""
    project = uneven.copy(tmp_path_factory.mktemp("improved"))
    project.found = project.run(*LITEMILL, "improve", "int8", "--as", "mended")
    assert project.found.status == 0, project.found.out + project.found.err
    return project


def test_the_layers_that_are_bad_are_found(improved):
    """The dense layer with the large units and the one that reads it; no others stay in float."""
    variant = yaml.safe_load(improved.read("conf/variant/mended.yaml"))

    assert "int8" == variant["optimization"]
    assert 2 == len(variant["float_layers"])
    assert any("dense" in name for name in variant["float_layers"])
    assert "digit" in variant["float_layers"]


def test_each_try_is_a_line_in_the_order_that_is_documented(improved):
    """What the cause suggests comes first; then whether each of its layers was needed."""
    tries = [line for line in improved.found.out.splitlines() if re.match(r" *\d+  ", line)]
    kinds = [re.match(r" *\d+  (\w+)", line)[1] for line in tries]

    assert kinds[0] == "as"
    assert re.match(r" *1  2 layers in float \(.*digit.*\): .*passes$", tries[1])
    assert set(kinds[2:]) <= {"without"}
    assert "lost_channels found 10 channels" in tries[0]
    assert tries[0].endswith("(and 2 more)")
    assert any(line.endswith("passes") for line in tries)


def test_what_is_found_is_chosen_and_the_stage_makes_the_same_bytes(improved, tmp_path):
    """As `dvc repro` runs it; and the gate's own limits are met."""
    project = improved.copy(tmp_path)
    digest = re.search(r"SHA-256 (\w+)", project.read("conf/variant/mended.yaml"))[1]
    for words in (("configure",), ("convert", "mended"), ("validate", "mended")):
        done = project.stage(*words)
        assert done.status == 0, done.out + done.err

    assert sha256(project.root / "build/convert/mended/model.tflite").startswith(digest)
    measured = json.loads(project.read("build/validate/mended.json"))
    assert min(one["snr_db"] for one in measured["outputs"].values()) >= 20


def test_a_variant_that_passes_is_left_alone(improved):
    """And said so; with status 0."""
    done = improved.run(*LITEMILL, "improve", "mended")

    assert (0, True) == (done.status, "mended meets its limits already." in done.out)
    assert 2 == len(done.out.splitlines())


def test_when_nothing_is_found_the_nearest_is_told_with_status_1(improved):
    """By a limit that nothing meets, from what is known already; nothing is written."""
    before = improved.read("params.yaml")

    done = improved.run(
        *LITEMILL, "improve", "int8", "--budget=1", "--metric-drop=-0.9", "--as", "other"
    )

    assert 1 == done.status
    assert "Nothing met the limits, in 1 trial" in done.out
    assert "Nearest: " in done.out
    assert before == improved.read("params.yaml")
    assert not (improved.root / "conf/variant/other.yaml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["improve", "int9"], "no variant 'int9'; did you mean"),
        (["improve", "int8", "--as", "float32"], "params.yaml: variants: has 'float32' already"),
        (["improve", "int8", "--as", "a b"], "--as: 'a b'; expected letters"),
        (["improve", "int8", "--budget", "0"], "--budget: found 0; expected at least 1"),
        (["sensitivity", "float32"], "takes no calibration samples"),
        (["sensitivity", "int8", "--subsets", "1"], "expected at least 2"),
        (["sensitivity", "int8", "--samples", "9999"], "9999 of 180 calibration samples"),
    ],
)
def test_bad_input_is_told_in_a_line_and_changes_nothing(improved, words, message):
    """Before anything is converted."""
    done = improved.run(*LITEMILL, *words)

    assert 1 == done.status
    assert message in done.err
    assert 1 == len(done.err.splitlines())


@pytest.mark.slow
def test_sensitivity_tells_the_spread_over_subsets(improved, tmp_path):
    """The numbers of each subset, and of all of them."""
    project = improved.copy(tmp_path)
    # The table shows the default kernels, and checks judge the worst: here the same.
    project.edit("params.yaml", "overrides:\n", "overrides:\n  validate: {kernels: [default]}\n")
    assert 0 == project.stage("configure").status
    done = project.run(*LITEMILL, "sensitivity", "mended", "--subsets", "3", "--json")

    assert 0 == done.status, done.err
    message = json.loads(done.out)
    ratios = sorted(row["snr_db"] for row in message["subsets"])
    assert 3 == len(ratios) == len({row["calibration"] for row in message["subsets"]})
    spread = message["spread"]["snr_db"]
    assert ratios == [spread["min"], spread["median"], spread["max"]]
    margin = next(row for row in message["margins"] if row["check"] == "snr_db")
    assert margin["apart"] == pytest.approx(ratios[2] - ratios[0], abs=1e-3)
    assert margin["larger"] == (margin["apart"] > abs(margin["margin"]))


def test_sensitivity_says_so_when_the_subset_decides(improved):
    """The same, with a limit that the spread straddles."""
    message = json.loads(
        improved.run(*LITEMILL, "sensitivity", "mended", "--subsets", "3", "--json").out
    )
    limit = message["as_it_is"]["snr_db"] - 0.01 * message["margins"][-1]["apart"]
    params = improved.read("params.yaml")
    improved.write("params.yaml", params.replace("snr_db: 20", f"snr_db: {limit:.6f}"))
    done = improved.run(*LITEMILL, "sensitivity", "mended", "--subsets", "3")
    improved.write("params.yaml", params)

    assert "which samples calibrate it decides whether it passes." in done.out
