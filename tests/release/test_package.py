from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zoo
from packaged import CLASSES, TOOLCHAIN, VARIANTS, build, collect
from packaged import converted as conversions

from litemill.config.schema.train import Model as TrainedModel
from litemill.core.errors import DataError, GateError, LitemillError
from litemill.core.files import read_json, sha256, tree_files, tree_sha256, write_json
from litemill.core.version import VERSION
from litemill.data.samples import Samples
from litemill.models.kinds import import_model
from litemill.release.golden import record_golden
from litemill.release.golden_files import _array_files
from litemill.tflite.interpreter import Kernels, Model

ROOT = Path(__file__).parents[2]
ARRAYS = (".c", ".h", "_operators.h")  # of a variant that no target has measured


@pytest.fixture(scope="module")
def converted():
    """Real files of the same small CNN."""
    return conversions()


@pytest.fixture
def built(tmp_path, converted):
    """A folder in which everything before `package` has run."""
    return build(tmp_path / "build", converted)


def test_package_holds_variants_manifest_configuration_labels_and_golden_samples(built):
    """A device team needs nothing else."""
    bundle = collect(built)

    assert tree_files(bundle) == sorted(
        [
            "MODEL_CARD.md",
            "README.md",
            "benchmark.py",
            *(f"c/{name}{end}" for name in ("int8", "int8_float_io") for end in ARRAYS),
            "golden/golden.json",
            "labels.txt",
            "manifest.json",
            "params.json",
            *(f"variants/{name}.tflite" for name in VARIANTS),
            *(f"golden/{name}/inputs/image.npy" for name in VARIANTS),
            *(f"golden/{name}/outputs/digit.npy" for name in VARIANTS),
        ]
    )
    assert (bundle / "labels.txt").read_text(encoding="utf-8").split() == CLASSES


def test_manifest_tells_what_every_variant_is_and_where_it_comes_from(built):
    """Digest, size, signature, types, operators, runtime, metrics, checks; data, source, tools."""
    bundle = collect(built)
    manifest = read_json(bundle / "manifest.json")
    int8 = manifest["variants"]["int8"]

    assert (manifest["litemill"], manifest["toolchain"]) == (VERSION, TOOLCHAIN)
    assert manifest["release"]["license"] == "Apache-2.0"
    assert set(manifest["source"]) == {"train/model.keras", "export/saved_model"}
    assert manifest["data"]["task"] == "classification"
    assert int8["sha256"] == sha256(bundle / int8["file"])
    assert int8["bytes"] == (bundle / int8["file"]).stat().st_size
    assert int8["signature"] == "serving_default"
    assert int8["inputs"]["image"]["dtype"] == "int8"
    assert int8["inputs"]["image"]["scale"] > 0
    assert {"CONV_2D", "FULLY_CONNECTED"} <= {one["name"] for one in int8["operators"]}
    assert int8["min_runtime_version"]
    assert int8["checks"]["snr_db"]["passed"]
    assert int8["metrics"]["metric"] is None


def test_manifest_has_the_digest_of_every_other_file(built):
    """Nothing in the bundle can change unseen."""
    bundle = collect(built)

    files = read_json(bundle / "manifest.json")["files"]

    assert files == {n: sha256(bundle / n) for n in tree_files(bundle) if n != "manifest.json"}


def test_the_same_release_is_the_same_bytes(built):
    """Packing twice changes nothing; nothing of the machine or the time is in it."""
    first = tree_sha256(collect(built))

    assert first == tree_sha256(collect(built))
    assert str(built.parent) not in (built / "package" / "manifest.json").read_text("utf-8")


def test_a_variant_that_failed_stays_out(built):
    """Also when it was packed before."""
    collect(built)
    bundle = collect(built, int8={"passed": False})

    assert "int8" not in read_json(bundle / "manifest.json")["variants"]
    assert not any("/int8" in name and "float" not in name for name in tree_files(bundle))


def test_no_variant_that_passed_is_no_release(built):
    """An empty bundle would look like a release."""
    failed = {name: {"passed": False} for name in VARIANTS}

    with pytest.raises(GateError, match="no variant passed"):
        collect(built, **failed)
    assert not (built / "package").exists()


def test_a_file_that_is_not_the_judged_one_is_refused_and_the_old_bundle_stays(built):
    """A verdict belongs to bytes."""
    before = tree_sha256(collect(built))
    (built / "convert" / "int8" / "model.tflite").write_bytes(b"other")

    with pytest.raises(LitemillError, match="not the file that was validated"):
        collect(built)
    assert before == tree_sha256(built / "package")
    assert not list(built.glob(".package*"))


def test_the_source_of_an_imported_model_is_what_was_imported(built):
    """Not the line that stands in the place of a model of Keras 3."""
    model = TrainedModel(file=str(zoo.module_saved()), signature="double")
    source = import_model(model, built / "train")

    found = read_json(collect(built) / "manifest.json")["source"]

    assert {"train/imported", "export/saved_model"} == set(found)
    assert found["train/imported"] == tree_sha256(built / "train" / "imported")
    assert source.keras_file.read_bytes().startswith(b"No model of Keras 3")


def test_without_classes_there_are_no_labels(built):
    """A regression has none."""
    split = built / "prepare" / "evaluation" / "split.json"
    write_json(split, {**read_json(split), "classes": None})

    assert not (collect(built) / "labels.txt").exists()


def test_a_class_name_with_a_line_break_is_refused(built):
    """It would shift every label after it."""
    split = built / "prepare" / "evaluation" / "split.json"
    write_json(split, {**read_json(split), "classes": ["a\nb", *CLASSES[1:]]})

    with pytest.raises(DataError, match="a line break"):
        collect(built)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kernels", Kernels)
def test_every_kernel_set_reproduces_the_golden_outputs(built, variant, kernels):
    """What we ask of a device, LiteRT itself does, with what is in the bundle alone."""
    bundle = collect(built)
    told = read_json(bundle / "golden" / "golden.json")["variants"][variant]
    inputs, outputs = told["inputs"], told["outputs"]
    content = (bundle / "variants" / f"{variant}.tflite").read_bytes()
    model = Model(content, kernels=kernels)

    answers = model.run_stored(
        {name: np.load(bundle / "golden" / one["file"]) for name, one in inputs.items()}
    )

    expected = np.load(bundle / "golden" / outputs["digit"]["file"])
    apart = np.abs(answers["digit"].astype(np.float64) - expected)
    assert expected.dtype == answers["digit"].dtype
    assert expected.shape == (8, 10)
    assert apart.max() * (outputs["digit"]["scale"] or 1) <= outputs["digit"]["tolerance"] * 1.0001


def test_golden_inputs_are_real_samples_in_the_types_of_the_variant(built):
    """The first of the evaluation split, quantized by the file's own parameters."""
    bundle = collect(built)
    real = zoo.batch_of(zoo.IMAGE, 20)[:8]
    told = read_json(bundle / "golden" / "golden.json")["variants"]["int8"]["inputs"]["image"]

    stored = np.load(bundle / "golden" / told["file"])

    assert (stored.dtype, told["dtype"]) == (np.int8, "int8")
    restored = (stored.astype(np.float64) - told["zero_point"]) * told["scale"]
    assert np.abs(restored - real).max() <= told["scale"] * 0.51
    assert np.array_equal(real, np.load(bundle / "golden" / "float32" / "inputs" / "image.npy"))


def test_the_tolerance_of_a_quantized_output_is_a_whole_number_of_steps(built):
    """At least one: kernels round differently."""
    bundle = collect(built)
    told = read_json(bundle / "golden" / "golden.json")["variants"]["int8"]["outputs"]["digit"]

    assert told["tolerance_steps"] >= 1
    assert told["tolerance"] == pytest.approx(told["tolerance_steps"] * told["scale"])


def dequantized_step(content, answers):
    """Return the step of the integers that a file's only output is dequantized from.

    That of an integer tensor of its shape, of which all answers are whole multiples.
    """
    from ai_edge_litert.interpreter import Interpreter

    tensors = Interpreter(model_content=content).get_tensor_details()
    alike = [t for t in tensors if list(t["shape"][-1:]) == list(answers.shape[-1:])]
    scales = {t["quantization"][0] for t in alike} - {0.0}
    [step] = [s for s in scales if np.abs(answers / s - np.round(answers / s)).max() < 0.02]
    return step


def test_the_tolerance_of_a_float_output_is_in_steps_of_the_integers_below_it(converted):
    """One step more than LiteRT's kernel sets differ by; a float model has none."""
    samples = Samples({"image": zoo.batch_of(zoo.IMAGE, 4)}, {}, None, "none")
    ranges = {"digit": (-1.0, 1.0)}
    int16 = zoo.convert(zoo.cnn(), "int16x8")

    exact = record_golden(converted["float32"], samples, ranges).tolerances["digit"]

    assert exact <= 5e-4
    for content in (converted["int8_float_io"], int16):
        runs = [Model(content, kernels=kernels).run(samples.inputs)["digit"] for kernels in Kernels]
        step = dequantized_step(content, runs[2])
        apart = max(np.abs(run - runs[2]).max() for run in runs) / step
        found = record_golden(content, samples, ranges).tolerances["digit"] / step
        assert found == pytest.approx(1 + round(apart), abs=0.02)


def test_the_bundle_tells_a_device_engineer_what_to_do(built):
    """In words, with every file named."""
    told = (collect(built) / "README.md").read_text(encoding="utf-8")

    assert told.startswith("# digits 1.2.0\n")
    assert all(name in told for name in VARIANTS)
    assert all(word in told for word in ("manifest.json", "golden/golden.json", "tolerance"))


def test_the_stage_packs_what_the_parameters_ask_for(built):
    """As DVC calls it, without TensorFlow."""
    code = (
        "import sys; from pathlib import Path; from litemill.release import package; "
        "package.run(build=Path('build'), out=Path('build/package')); "
        "sys.exit('tensorflow' in sys.modules or 'hydra' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=built.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert read_json(built / "package" / "manifest.json")["release"]["version"] == "1.2.0"


def test_the_version_is_that_of_the_distribution():
    """The manifest names what pip installs."""
    assert f'\nversion = "{VERSION}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_tensor_names_never_become_paths():
    """Whatever they are: one plain, short file name for each, also where case does not count."""
    names = ["a/b", "a:b", "../x", "/abs/x", "..", "", "Y", "y", "n\0l", "é", "z" * 10_000]
    files = _array_files(names)
    assert names == list(files)
    assert len(names) == len({file.lower() for file in files.values()})
    for file in files.values():
        assert file == Path(file).name
        assert not file.startswith(".")
        assert file.isascii()
        assert len(file) < 100
