"""`litemill convert` as people call it: flags, words, exit status, and what is left on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo
from ai_edge_litert.interpreter import Interpreter
from tensorflow.core.protobuf import saved_model_pb2

from litemill.cli import convert, main
from litemill.config.schema.variant import Calibration, Optimization, TensorType, Variant
from litemill.conversion.arithmetic import arithmetic_of
from litemill.conversion.convert import convert_variant
from litemill.tflite.flatbuffer import describe

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def models():
    """Give a folder with a model, damaged ones, and samples; nothing of a project."""
    folder = zoo.folder() / "visitor"
    folder.mkdir()
    zoo.cnn().save(folder / "model.h5")
    (folder / "half.h5").write_bytes((folder / "model.h5").read_bytes()[:20_000])
    (folder / "picture.keras").write_bytes(b"GIF89a")
    np.savez(folder / "samples.npz", image=zoo.batch_of((8, 8, 1), 40))
    np.savez(folder / "other.npz", image=zoo.batch_of((9, 9, 1), 4))
    return folder


def litemill(folder, *words):
    """Run the command in a folder; (status, standard output, standard error)."""
    code = "from litemill.cli import main; main.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "convert", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_first_thing_that_a_visitor_tries(models):
    """Two lines: what was written, and what was checked. Nothing else is left in the folder."""
    before = set(models.iterdir())
    words = ("--keras_model_file=model.h5", "--output_file=model.tflite")
    status, out, err = litemill(models, *words)
    size = f"{(models / 'model.tflite').stat().st_size:,}"

    assert (0, "") == (status, err)
    assert (
        f"model.tflite: {size} bytes, float32, image float32 [any, 8, 8, 1] -> "
        "digit float32 [any, 10]\n"
        "checked: weights, types and signature are as requested; LiteRT runs it\n"
    ) == out
    assert {models / "model.tflite"} == set(models.iterdir()) - before


def test_a_preset_with_samples_from_a_file(models):
    """From any folder; flags with hyphens; the bytes are those of the pipeline's stage."""
    words = ("--keras-model-file", "model.h5", "--output-file", "sub/int8.tflite")
    options = ("--variant", "int8", "--samples", "samples.npz", "--output-type", "float32")
    status, out, err = litemill(models, *words, *options)
    found = describe((models / "sub" / "int8.tflite").read_bytes())

    assert (0, "") == (status, err)
    assert "calibrated on 40 samples, all there are of the 100 requested; " in out
    assert "dB SNR against the source model (digit) on the same 40 samples\n" in out
    assert ("int8", "int8", "float32") == (
        arithmetic_of(found),
        found.inputs[0].dtype,
        found.outputs[0].dtype,
    )


def test_what_a_variant_says_is_done_or_the_change_is_told(models, tmp_path):
    """Samples of a file have no classes; those that calibrate a file are not judged on."""
    variants = tmp_path / "conf" / "variant"
    variants.mkdir(parents=True)
    careful = "optimization: int8\ncalibration: {samples: 30, selection: stratified}\n"
    (variants / "careful.yaml").write_text(careful)
    (variants / "total.yaml").write_text("signature: total\n")
    source = f"--keras_model_file={models / 'model.h5'}"
    samples = f"--samples={models / 'samples.npz'}"
    status, out, err = litemill(tmp_path, source, samples, "--variant=careful", "--output_file=a")

    assert (0, "") == (status, err)
    told = "selection random instead of stratified: the samples have no classes"
    assert f"calibrated on 30 samples, {told}; " in out
    assert "dB SNR against the source model (digit) on the other 10 samples\n" in out

    words = (f"--saved_model_dir={zoo.module_saved()}", "--variant=total", "--output_file=b")
    status, out, err = litemill(tmp_path, *words)

    assert (0, "") == (status, err)
    assert "product float32 [any, 2], sum float32 [any, 2]" in out


def test_a_keras_2_file_by_the_keras_route(models):
    """Which takes a process of Keras 2 from beginning to end."""
    words = (f"--keras_model_file={zoo.keras_2()}", "--output_file=old.tflite", "--route=keras")
    status, out, err = litemill(models, *words)

    assert (0, "") == (status, err)
    assert "digit float32 [any, 10]" in out


def test_the_only_signature_of_a_saved_model_needs_no_name(models):
    """One of several does."""
    words = (f"--saved_model_dir={zoo.module_saved()}", "--output_file=module.tflite")
    status, _, err = litemill(models, *words)
    told = f"{zoo.module_saved()}: no signature 'serving_default'; expected one of: double, total\n"

    assert (1, told) == (status, err)
    status, out, _ = litemill(models, *words, "--saved_model_signature_key=total")
    assert 0 == status
    assert "product float32 [any, 2], sum float32 [any, 2]" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--keras_model_file=none.h5"], "none.h5: no such file; expected a .keras or .h5 file"),
        (["--keras_model_file=."], ".: a folder; use --saved_model_dir"),
        (["--saved_model_dir=model.h5"], "model.h5: a file; use --keras_model_file"),
        (["--keras_model_file=half.h5"], "half.h5: not a readable Keras file (Unable to"),
        (["--keras_model_file=picture.keras"], "picture.keras: not a readable Keras file ("),
        (
            ["--keras_model_file=model.h5", "--variant=int8"],
            "variant int8: no samples to calibrate with; use --samples FILE.npz, or --data NAME",
        ),
        (
            ["--keras_model_file=model.h5", "--variant=int8", "--samples=other.npz"],
            "other.npz: input image: the data has shape [9, 9, 1] a sample; the model takes [8, 8",
        ),
        (
            ["--keras_model_file=model.h5", "--variant=itn8"],
            "variant itn8: no such variant; did you mean 'int8'?",
        ),
        (
            ["--keras_model_file=model.h5", "--input_type=int8"],
            "variant float32, input_type: int8 with optimization none; expected one of: float32",
        ),
    ],
)
def test_failures_are_one_line_and_lose_nothing(models, words, told):
    """Exit status 1; an output of before stays."""
    (models / "kept.tflite").write_text("kept")
    status, out, err = litemill(models, *words, "--output_file=kept.tflite")

    assert (1, "") == (status, out)
    assert told in err
    assert 1 == err.count("\n")
    assert "kept" == (models / "kept.tflite").read_text()
    assert [] == list(models.glob(".*"))


def unfaithful(folder):
    """Write samples whose first thirty say nothing of the range of the others; and a variant."""
    image = zoo.batch_of((8, 8, 1), 40)
    image[:30] *= 1e-3
    np.savez(folder / "drift.npz", image=image)
    variants = folder / "conf" / "variant"
    variants.mkdir(parents=True)
    (variants / "few.yaml").write_text("optimization: int8\ncalibration: {samples: 30}\n")


def test_a_file_that_is_not_faithful_is_not_written(models, tmp_path):
    """Exit status 1, with the output and the limit; --keep writes it with a warning."""
    unfaithful(tmp_path)
    words = (f"--keras_model_file={models / 'model.h5'}", "--variant=few", "--samples=drift.npz")
    (tmp_path / "kept.tflite").write_text("kept")
    status, out, err = litemill(tmp_path, *words, "--output_file=kept.tflite")

    assert (1, "") == (status, out)
    assert err.startswith("variant few: not faithful: output 'digit' at ")
    assert err.splitlines()[0].endswith("; output discarded; --keep writes it anyway")
    assert "kept" == (tmp_path / "kept.tflite").read_text()

    status, out, err = litemill(tmp_path, *words, "--output_file=kept.tflite", "--keep")

    assert 0 == status
    assert "int8" == arithmetic_of(describe((tmp_path / "kept.tflite").read_bytes()))
    assert err.startswith("warning: variant few: not faithful: output 'digit' at ")
    assert "--keep" not in err
    assert " on the other 10 samples\n" in out


def test_a_file_that_litert_cannot_run_is_not_written(tmp_path):
    """The converter makes a file of an operator that has no kernel for 16 bits."""
    module = tf.Module()
    module.call = tf.function(
        lambda x: {"y": tf.math.squared_difference(x, 0.5 * x)},
        input_signature=[tf.TensorSpec([None, 3], name="x")],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={zoo.KEY: module.call})
    np.savez(tmp_path / "x.npz", x=zoo.batch_of((3,), 20))
    words = ("--saved_model_dir=saved", "--variant=int16x8", "--samples=x.npz")
    status, out, err = litemill(tmp_path, *words, "--output_file=m.tflite")

    assert (1, "", 1) == (status, out, err.count("\n"))
    assert err.startswith("variant int16x8: LiteRT cannot run it: ")
    assert not (tmp_path / "m.tflite").exists()

    status, out, err = litemill(tmp_path, *words, "--output_file=m.tflite", "--keep")

    assert (0, 1) == (status, err.count("\n"))
    assert (tmp_path / "m.tflite").is_file()
    assert "; LiteRT cannot run it\n" in out


def test_operators_that_an_application_brings_are_not_run_here(tmp_path):
    """As requested: LiteRT alone lacks them, which is no failure."""
    source = zoo.function_source("unsupported")
    (tmp_path / "conf" / "variant").mkdir(parents=True)
    (tmp_path / "conf" / "variant" / "flex.yaml").write_text("select_tf_ops: true\n")
    words = (f"--saved_model_dir={source.saved_model}", "--variant=flex", "--output_file=m.tflite")
    status, out, err = litemill(tmp_path, *words)

    assert (0, "") == (status, err)
    assert "; not run here (" in out


@pytest.mark.parametrize("name", ["input-1", pytest.param("1st", marks=pytest.mark.slow)])
def test_inputs_keep_their_names(tmp_path, name):
    """Also those that are no names of Python; compared on samples."""
    x = keras.Input((3,), name=name)
    keras.Model(x, keras.layers.Dense(2, name="y")(x)).save(tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", **{name: zoo.batch_of((3,), 20)})
    words = ("--keras_model_file=model.keras", "--variant=int8", "--samples=x.npz")
    status, out, err = litemill(tmp_path, *words, "--output_file=m.tflite")

    assert (0, "") == (status, err)
    assert f"{name} int8 [any, 3] -> y int8 [any, 2]" in out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--keras_model_file=m.h5"],
        ["--output_file=m.tflite"],
        ["--keras_model_file=m.h5", "--saved_model_dir=m", "--output_file=m.tflite"],
        ["--keras_model_file=m.h5", "--output_file=m.tflite", "--route=road"],
        ["--keras_model_file=m.h5", "--output_file=m.tflite", "--batch=few"],
        ["--keras_model_file=m.h5", "--output_file=m.tflite", "--no_such_flag"],
        ["--keras_model_file=m.h5", "--output_file=m", "--experimental_new_converter=false"],
        ["--saved_model_dir=m", "--output_file=m", "--saved_model_signature_key=a,b"],
    ],
)
def test_a_wrong_command_line_is_status_2(words, capsys):
    """As for every program of argparse."""
    with pytest.raises(SystemExit) as caught:
        main.parser("convert").parse_args(["convert", *words])

    assert 2 == caught.value.code
    assert ": error: " in capsys.readouterr().err


@pytest.mark.parametrize("join", ["_", "-"])
def test_every_flag_may_be_written_both_ways(join):
    """Those of tflite_convert, with or without a value behind `=`."""
    flags = [f"--keras{join}model{join}file=m.h5", f"--output{join}file", "m.tflite"]
    flags += [f"--saved{join}model{join}tag{join}set=serve"]
    flags += [f"--experimental{join}new{join}converter", f"--experimental{join}new{join}quantizer"]
    found = main.parser("convert").parse_args(["convert", *flags])

    assert ("m.h5", "m.tflite", "serve") == (
        found.keras_model_file,
        found.output_file,
        found.saved_model_tag_set,
    )


def test_variants_of_the_project_come_before_presets(tmp_path):
    """And may build on each other, as in a release."""
    from litemill.conversion import presets

    folder = tmp_path / "conf" / "variant"
    folder.mkdir(parents=True)
    (folder / "int8.yaml").write_text("optimization: int8\ncalibration: {samples: 7}\n")
    (folder / "mine.yaml").write_text("defaults: [int8, _self_]\ninput_type: uint8\n")
    mine = presets.load_variant("mine", tmp_path)

    assert (
        Variant(
            optimization=Optimization.int8,
            input_type=TensorType.uint8,
            calibration=Calibration(samples=7),
        )
        == mine
    )
    assert 7 == presets.load_variant("int8", tmp_path).calibration.samples
    assert Optimization.float16 is presets.load_variant("float16", tmp_path).optimization


@pytest.mark.parametrize("path", sorted((ROOT / "litemill/conf/variant").glob("*.yaml")))
def test_every_preset_works_from_any_folder(path, tmp_path):
    """On a small model; those that calibrate, with samples."""
    from litemill.conversion import presets

    variant = presets.load_variant(path.stem, tmp_path)
    variant.calibration.samples = 32
    source = zoo.source("cnn")

    assert convert_variant(path.stem, variant, source, zoo.split(source)).content


def test_a_graph_that_reads_files_runs_only_where_its_operator_is_allowed(tmp_path):
    """The refusal names it; once allowed, TensorFlow's converter has its say."""
    import tensorflow as tf

    module = tf.Module()
    module.f = tf.function(
        lambda x: {"y": x + tf.cast(tf.strings.length(tf.io.read_file("secret")), tf.float32)},
        input_signature=[tf.TensorSpec([None, 1], name="x")],
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.f})
    words = ("--saved_model_dir=saved", "--output_file=model.tflite")

    status, _, refused = litemill(tmp_path, *words)
    _, _, allowed = litemill(tmp_path, *words, "--allow-operators=ReadFile")

    assert 1 == status
    assert refused.startswith("saved: operators that touch files: ReadFile; `allow_operators` ")
    assert "saved: operators that touch files" not in allowed


@pytest.mark.parametrize(
    "policy",
    ["float16", *(pytest.param(p, marks=pytest.mark.slow) for p in ("float64", "mixed_float16"))],
)
def test_a_model_of_another_type_is_told_its_type(tmp_path, policy):
    """TensorFlow Lite has Conv2D; it does not compute it in that type."""
    convolution = keras.layers.Conv2D(2, 3, dtype=policy)
    keras.Sequential([keras.Input((8, 8, 3)), convolution]).save(tmp_path / "m.keras")
    words = ("--keras_model_file=m.keras", "--output_file=m.tflite")
    status, _, err = litemill(tmp_path, *words)
    assert 1 == status
    dtype = policy.removeprefix("mixed_")
    assert f"the model computes in {dtype}, and TensorFlow Lite's " in err
    assert "export it in float32" in err
    assert not (tmp_path / "m.tflite").exists()


@pytest.mark.parametrize("tags", [[], pytest.param(["train", "serve"], marks=pytest.mark.slow)])
def test_saved_models_of_other_tags_are_converted(tmp_path, tags):
    """As TensorFlow 1 and TensorFlow Hub write them; answers are those of the model."""
    module = tf.Module()
    module.w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x):
        return {"y": tf.matmul(x, module.w)}

    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": serve})
    stored = saved_model_pb2.SavedModel()
    file = tmp_path / "saved/saved_model.pb"
    stored.ParseFromString(file.read_bytes())
    del stored.meta_graphs[0].meta_info_def.tags[:]
    stored.meta_graphs[0].meta_info_def.tags.extend(tags)
    file.write_bytes(stored.SerializeToString())

    status, _, err = litemill(tmp_path, "--saved_model_dir=saved", "--output_file=m.tflite")
    assert (0, "") == (status, err)
    x = np.float32([[1, 2], [5, 7]])
    runner = Interpreter(str(tmp_path / "m.tflite")).get_signature_runner("serving_default")
    np.testing.assert_allclose(x @ module.w.numpy(), runner(x=x)["y"], rtol=1e-6)


def test_flags_allow_what_a_refusal_advises():
    """Each is the option of the variant that a refusal names."""
    words = ["--float-fallback", "--select_tf_ops", "--custom-ops=One,Two"]
    given = main.parser("convert").parse_args(
        [
            "convert",
            "--keras_model_file=m.keras",
            "--output_file=m.tflite",
            "--variant=int8",
            *words,
        ]
    )
    _, variant = convert._variant(given)
    assert variant.float_fallback
    assert variant.select_tf_ops
    assert ["One", "Two"] == variant.custom_ops
