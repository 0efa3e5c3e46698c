"""The table "What an edit rebuilds" of the design, row by row, on real DVC."""

from __future__ import annotations

import json
import shutil
from importlib import metadata

import pytest
from project import Project

pytestmark = pytest.mark.pipeline

CONVERT = ["convert@float32", "convert@int8"]
VALIDATE = ["validate@float32", "validate@int8"]
JUDGED = ["report", "gate", "package"]
# One stage compiles all variants of an NPU: another file, whichever, and it looks again.
END = ["compile", *JUDGED]
FROM_TRAIN = ["train", "export", *CONVERT, *VALIDATE, *END]
EVERYTHING = ["configure", "prepare", *FROM_TRAIN]
MODEL = "models/digits_cnn/__init__.py"


def upgrade(release, name, version):
    """Install another version of a package, as far as anyone can tell, and lock that."""
    found = metadata.version(name)
    release.edit("requirements.lock", f"\n{name}=={found} ", f"\n{name}=={version} ")
    site = release.root.parent / "site"
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(told)
    release.env["PYTHONPATH"] = str(site)


def changed(release):
    """Give the stages that `dvc status` finds out of date, with configure's work done."""
    assert ["configure"] == release.repro("configure").stages
    status = json.loads(release.dvc("status", "--json").out)
    # What only waits for others is "changed deps"; here, of parameters and code.
    return sorted(name for name, told in status.items() if "build/params.json" in str(told))


def test_a_first_build_runs_every_stage(first_build):
    """In the order of the picture."""
    log = first_build.first.stages

    assert sorted(EVERYTHING) == sorted(log)
    assert ["configure", "prepare", "train", "export"] == log[:4]
    assert END == log[-4:]


def test_nothing_reruns_nothing(release):
    """The second `dvc repro` is done at once."""
    assert [] == release.repro().stages


def remark(release, *files):
    """Edit what Python does not run: a comment, a docstring and the layout of each file."""
    for file in files:
        text = release.read(file)
        if file.endswith(".py"):
            text = text.replace("\n\n\ndef ", "\n\n\n\ndef ", 1)
        release.write(file, text + "\n# A remark.\n")


def test_remarks_anywhere_rerun_configure_alone(release):
    """Comments and layout of code, configuration and requirements."""
    remark(release, "conf/train/default.yaml", "conf/config.yaml", "params.yaml")
    remark(release, MODEL, "data/digits/__init__.py", "requirements.lock")
    for folder in ("litemill", "stages"):
        for file in (release.root / folder).rglob("*.py"):
            remark(release, file.relative_to(release.root).as_posix())

    assert ["configure"] == release.repro().stages


def test_one_option_of_one_variant_reruns_that_variant(release):
    """Its own two stages, and what compares variants."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 30")
    before = release.built()

    stages = release.repro().stages

    assert ["configure", "convert@int8", "validate@int8", *END] == stages
    assert (
        before["build/convert/int8/model.tflite"]
        != release.built()["build/convert/int8/model.tflite"]
    )


def test_a_limit_reruns_no_conversion_and_no_inference(release):
    """It is judged anew."""
    release.edit("params.yaml", "snr_db: 1,", "snr_db: 2,")

    assert ["configure", *JUDGED] == release.repro().stages


def test_a_variant_added_reruns_its_own_two_stages(release):
    """The others stay."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n")

    stages = release.repro().stages

    assert ["configure", "convert@float16", "validate@float16", *END] == stages


@pytest.mark.slow
def test_a_variant_removed_leaves_the_release_alone(release, tmp_path):
    """Nothing of it is packaged, and a fresh clone agrees on every byte."""
    release.edit("params.yaml", "  - int8\n", "")

    assert ["configure", *END] == release.repro().stages
    assert [] == release.repro().stages
    assert [] == [name for name in release.built() if "int8" in name and "convert" not in name]

    release.git("commit", "--quiet", "--all", "--message", "Remove int8")
    clone = Project(tmp_path / "clone")
    release.git("clone", "--quiet", str(release.root), str(clone.root))
    shutil.copytree(release.root / ".dvc/cache", clone.root / ".dvc/cache")
    assert 0 == clone.dvc("checkout").status
    assert [] == clone.repro().stages
    assert "" == clone.git("status", "--porcelain")


def test_epochs_rerun_train_and_all_after_it(release):
    """The data stays."""
    release.edit("params.yaml", "epochs: 1", "epochs: 2")

    assert ["configure", *FROM_TRAIN] == release.repro().stages


@pytest.mark.slow
def test_a_retrain_that_gives_the_same_weights_reruns_train_alone(release):
    """Export does not run: model.keras has the same bytes."""
    add_code(release, MODEL)

    assert ["configure", "train"] == release.repro().stages


@pytest.mark.slow
def test_a_conversion_that_gives_the_same_bytes_is_not_validated_again(release):
    """Float32 needs no calibration; only the release tells that the option is another."""
    release.edit("conf/variant/float32.yaml", "optimization: none", "calibration: {samples: 7}")
    before = release.built()["build/convert/float32/model.tflite"]

    assert ["configure", "convert@float32", "package"] == release.repro().stages
    assert before == release.built()["build/convert/float32/model.tflite"]


@pytest.mark.slow
def test_the_code_of_my_model_reruns_train_and_what_follows(release):
    """With configure, which digests it."""
    release.edit(MODEL, 'padding="same", activation="relu"', 'padding="same", activation="relu6"')

    assert ["configure", *FROM_TRAIN] == release.repro().stages


@pytest.mark.slow
def test_files_of_my_model_rerun_train(release):
    """Data that its code may read, wherever it lies in the model's folder."""
    release.write("models/digits_cnn/deep/table.txt", "1\n")

    assert ["configure", "train"] == release.repro().stages


@pytest.mark.parametrize("file", ["models/diabetes_mlp/__init__.py", "data/diabetes/__init__.py"])
def test_the_code_of_other_choices_reruns_nothing(release, file):
    """Nobody chose them."""
    add_code(release, file)

    assert [] == release.repro().stages


def add_code(release, *files):
    """Append a statement to modules."""
    for file in files:
        release.write(file, release.read(file) + "\nADDED = 1\n")


def test_code_that_starts_stages_reruns_nothing_but_configure(release):
    """Nor does what only the commands of Litemill run, or what tells of a failed training."""
    add_code(release, "litemill/pipeline/stage_runner.py", "litemill/runtime/worker_server.py")
    add_code(release, "litemill/cli/main.py", "litemill/audit/__init__.py")

    assert ["configure"] == release.repro().stages


@pytest.mark.slow
def test_code_of_each_layer_reruns_the_stages_that_run_it(release):
    """Never train, and not what follows, since the outputs are the same."""
    edits = {
        "litemill/data/splits.py": ["prepare"],
        "litemill/conversion/export.py": ["export"],
        "litemill/conversion/routes.py": CONVERT,
        "litemill/evaluation/fidelity.py": VALIDATE,
        "litemill/report/page/__init__.py": ["report"],
        "litemill/report/gate.py": ["gate"],
        "litemill/release/bundle_readme.py": ["package"],
    }
    for file, stages in edits.items():
        add_code(release, file)
        assert sorted(["configure", *stages]) == sorted(release.repro().stages), file


@pytest.mark.slow
def test_the_code_of_a_metric_reruns_validate(release):
    """It is reached by the configuration, and imported by nothing."""
    add_code(release, "litemill/metrics/__init__.py")

    assert ["configure", *VALIDATE] == release.repro().stages


def test_an_option_changed_back_comes_from_the_run_cache(release):
    """Training too: configure runs, nothing else is computed."""
    before = release.built()
    release.edit("params.yaml", "epochs: 1", "epochs: 2")
    assert "train" in release.repro().stages
    release.edit("params.yaml", "epochs: 2", "epochs: 1")

    again = release.repro()

    assert (["configure"], before) == (again.stages, release.built())
    assert sorted(FROM_TRAIN) == sorted(again.cached)
    release.edit("params.yaml", "epochs: 1", "epochs: 2")
    assert ["configure"] == release.repro().stages


@pytest.mark.slow
def test_another_branch_and_back_comes_from_the_run_cache(release):
    """Without `dvc checkout`; with it there is nothing to do at all."""
    release.git("switch", "--quiet", "--create", "longer")
    release.edit("params.yaml", "epochs: 1", "epochs: 2")
    release.repro()
    release.git("commit", "--quiet", "--all", "--message", "Train longer")

    release.git("switch", "--quiet", "main")
    assert set(release.repro().stages) <= {"configure"}
    assert "" == release.git("status", "--porcelain")
    release.git("switch", "--quiet", "longer")
    assert 0 == release.dvc("checkout").status
    assert [] == release.repro().stages


@pytest.mark.slow
def test_a_repeated_experiment_trains_nothing(release):
    """The same `dvc exp run` under another name."""
    words = ["exp", "run", "-S", "overrides.train.epochs=2", "--name"]
    first = release.dvc(*words, "first")
    assert "train" in first.stages, first.err
    release.git("checkout", "--quiet", "params.yaml", "dvc.lock", "build/params.json")

    again = release.dvc(*words, "again")

    assert (0, ["configure"]) == (again.status, again.stages), again.err


@pytest.mark.slow
def test_what_is_no_source_reruns_nothing(release):
    """Documentation and tests build nothing."""
    for file in ("README.md", "docs/notes.md", "tests/test_mine.py", "LICENSE"):
        release.write(file, "# Something new\n")

    assert [] == release.repro().stages


def test_a_test_tool_reruns_configure_alone(release):
    """Configure reads the lock, and finds nothing that changes an artifact."""
    upgrade(release, "hydra-core", "999.0")

    assert ["configure"] == release.repro().stages


@pytest.mark.slow
def test_another_litert_reruns_inference_alone(release):
    """And the package, which names its toolchain; nothing is converted."""
    upgrade(release, "ai-edge-litert", "999.0")

    stages = release.repro().stages

    assert ["configure", *VALIDATE, "package"] == stages
    manifest = json.loads(release.read("build/package/manifest.json"))
    assert "999.0" == manifest["toolchain"]["validate"]["ai-edge-litert"]


@pytest.mark.slow
def test_another_litert_converts_what_has_a_recipe_anew(release):
    """The quantizer calibrates with it, and with nothing that converts the other variants."""
    release.edit("params.yaml", "  - int8\n", "  - weight_only_int4\n")
    assert ["configure", "convert@weight_only_int4"] == release.repro("convert").stages
    upgrade(release, "ai-edge-litert", "999.0")

    found = changed(release)

    assert ["convert@weight_only_int4"] == [name for name in found if name.startswith("convert")]
    assert ["convert@weight_only_int4"] == release.repro("convert@weight_only_int4").stages


@pytest.mark.slow
def test_another_tensorflow_reruns_what_tensorflow_can_change(release):
    """Training, export and conversion; validation follows if files change."""
    upgrade(release, "tensorflow-cpu", "999.0")

    assert sorted(["train", "export", *CONVERT, "package"]) == changed(release)


@pytest.mark.slow
def test_another_scikit_learn_reruns_prepare(release):
    """The default data comes from its wheel."""
    upgrade(release, "scikit-learn", "999.0")

    assert ["package", "prepare"] == changed(release)


def test_a_toolchain_that_is_not_installed_reruns_nothing(release):
    """Configure refuses it, and what is there stays."""
    release.edit("requirements.lock", "\ntensorflow-cpu==", "\ntensorflow-cpu==9")
    before = release.built()

    done = release.dvc("repro")

    assert 0 != done.status
    assert ["configure"] == done.stages
    assert before == release.built()


@pytest.mark.slow
def test_another_model_and_data_build_without_code(release):
    """And back: two lines of params.yaml."""
    release.edit(
        "params.yaml", "model: digits_cnn\ndata: digits", "model: diabetes_mlp\ndata: diabetes"
    )

    assert EVERYTHING == release.repro().stages
    assert "mean_absolute_error" in release.read("build/report/metrics/int8.json")
    assert not (release.root / "build/package/labels.txt").exists()


def test_git_is_clean_after_a_build(release):
    """Everything generated is ignored, or committed and the same."""
    assert "" == release.git("status", "--porcelain")


def test_a_fresh_clone_builds_the_same_bytes(first_build, tmp_path):
    """In another folder, by other processes, with an empty cache: dvc.lock stays as it is."""
    clone = Project(tmp_path / "elsewhere" / "clone")
    first_build.git("clone", "--quiet", str(first_build.root), str(clone.root))

    stages = clone.repro().stages

    assert sorted(set(EVERYTHING) - {"configure"}) == sorted(set(stages) - {"configure"})
    assert "" == clone.git("status", "--porcelain")
    assert first_build.built() == clone.built()


def test_nothing_of_a_build_tells_where_it_was_made(first_build):
    """No path of this machine in any artifact."""
    folder = str(first_build.root).encode()

    named = [
        name for name in first_build.built() if folder in (first_build.root / name).read_bytes()
    ]

    assert [] == named
