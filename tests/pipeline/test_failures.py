"""Bad input, killed stages, full disks and failed checks, on real DVC: nothing good is lost."""

from __future__ import annotations

import json
import signal
import sys
from functools import partial

import pytest

pytestmark = pytest.mark.pipeline

MODEL = "models/digits_cnn/__init__.py"
DATA = "data/digits/__init__.py"
VARIANTS = "variants:\n  - float32\n  - int8\n"

slow = partial(pytest.param, marks=pytest.mark.slow)


def refused(release, *stages):
    """Run `dvc repro`, which must fail in the last of `stages`; the lines that say why.

    What a stage but configure wrote before is not there any more, and the last line says so.
    """
    done = release.dvc("repro")

    assert 0 != done.status
    assert [*stages] == done.stages
    assert "epoch" not in done.out
    assert "Traceback" not in done.err
    lines = [line for line in done.err.splitlines() if line and not line.startswith("ERROR: ")]
    if stages[-1] == "configure":
        return lines
    restores = "no outputs written; `dvc checkout` restores those of the last build"
    assert f"{stages[-1]}: {restores}" == lines[-1]
    return lines[:-1]


def assert_nothing_is_lost(release, before, *, but=()):
    """`dvc checkout` restores what was built, without `--force`."""
    done = release.dvc("checkout")
    assert 0 == done.status, done.err
    after = release.built()
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert set(but) == changed


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("params.yaml", VARIANTS, "variants: []\n", "params.yaml: variants: an empty list; "),
        slow("params.yaml", "  - int8", "  - float32", "params.yaml: variants: 'float32' is there"),
        ("params.yaml", "  - int8", "  - int_8", "params.yaml: variants: no 'int_8' in conf/varia"),
        slow("params.yaml", "epochs: 1", "epoch: 1", "params.yaml: overrides.train.epoch: unknown"),
        slow("params.yaml", "snr_db: 1", "snr: 1", "params.yaml: overrides.limits.snr: unknown"),
        ("conf/train/default.yaml", "seed: 0", "seed: [", "conf/train/default.yaml:"),
        slow("conf/variant/int8.yaml", "samples: 100", "samples: 0", "conf/variant/int8.yaml: cal"),
        ("requirements.lock", "\nkeras==", "\nkeras==9", "toolchain: keras: found 3."),
    ],
)  # fmt: skip
def test_a_bad_configuration_stops_in_configure(release, file, old, new, told):
    """One line; everything that was built is still there."""
    release.edit(file, old, new)
    before = release.built()

    [line] = refused(release, "configure")

    assert told == line[: len(told)]
    assert before == release.built()


@pytest.mark.parametrize(("group", "folder"), [("model", "models"), slow("data", "data")])
def test_a_choice_without_a_folder_stops_before_any_stage(release, group, folder):
    """DVC names the folder, which configure depends on; `litemill configure` the nearest choice."""
    release.edit("params.yaml", f"\n{group}: digits", f"\n{group}: digts")
    before = release.built()

    done = release.dvc("repro")

    assert (True, []) == (done.status != 0, done.stages)
    assert f"{folder}/digts" in done.err
    configured = release.run(sys.executable, "-m", "litemill", "configure").err
    assert f"params.yaml: {group}: no 'digts" in configured
    assert "did you mean 'digits" in configured
    assert before == release.built()


def test_many_faults_are_told_at_once(release):
    """One line each."""
    release.edit("params.yaml", "snr_db: 1", "snr: 1")
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 0")
    release.edit("requirements.lock", "\nkeras==", "\nkeras==9")

    assert 3 == len(refused(release, "configure"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        slow("np.float32(LEVELS)", "np.nan", "data.digits.load"),
        slow("targets=digits.target", "targets=digits.target + 1", "data.digits.load"),
        slow("images[..., np.newaxis]", "images[:1]", "data.digits.load"),
        ("return Dataset(", "return dict(", "data.digits.load: returned a dict; "),
    ],
)
def test_bad_data_stops_in_prepare(release, old, new, told):
    """Before anything is trained."""
    release.edit(DATA, old, new)
    before = release.built()

    [line] = refused(release, "configure", "prepare")

    assert told == line[: len(told)]
    assert_nothing_is_lost(release, before)


@pytest.mark.slow
def test_a_function_that_gives_no_model_stops_before_training(release):
    """Whatever it gives."""
    release.edit(MODEL, "    return keras.Model(", "    return dict(x=")
    release.edit(MODEL, 'dict(x=image, digit, name="digits_cnn")', "dict(x=image, y=digit)")
    before = release.built()

    lines = refused(release, "configure", "train")

    assert ["model.build: models.digits_cnn.build returned a dict; expected a keras.Model"] == lines
    assert_nothing_is_lost(release, before)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        slow("model: {build: {classes: 7}}", "model digits_cnn: output"),
        slow(
            "model: {build: {clases: 10}}",
            "model.build (models.digits_cnn.build): no argument 'cla",
        ),
        slow(
            "train: {optimizer: {_target_: keras.optimizers.Adamm}}", "train.optimizer._target_: ca"
        ),
        slow(
            "train: {optimizer: {learning_rat: 1}}", "train.optimizer (keras.optimizers.Adam): Arg"
        ),
        (
            "data: {metric: {output: digits}}",
            "data.metric.output: the model has no output 'digits'; did",
        ),
        (
            "variants: {int8: {calibration: {samples: 181}}}",
            "variants.int8.calibration.samples: as",
        ),
    ],
)
def test_a_model_that_does_not_fit_stops_before_training(release, options, told):
    """Its arguments, shapes and optimizer; what it will be judged by and calibrated on."""
    release.edit("params.yaml", "  train: {epochs: 1}", f"  {options}")
    before = release.built()

    [line] = refused(release, "configure", "train")

    assert told == line[: len(told)]
    assert_nothing_is_lost(release, before, but=["build/params.json"])


@pytest.mark.parametrize(
    ("file", "place"),
    [
        slow(MODEL, "litemill/conf/model/digits_cnn.yaml: build._target_"),
        (DATA, "conf/data/digits.yaml: load._target_"),
    ],
)
def test_code_that_no_stage_would_depend_on_stops_in_configure(release, file, place):
    """Or later edits of that code would rebuild nothing."""
    release.write("shared.py", "SIZE = 1\n")
    release.write(file, "import shared\n" + release.read(file))
    before = release.built()

    [line] = refused(release, "configure")

    assert f"{place.removeprefix('litemill/')}: reaches shared.py, which is no dependency" in line
    assert before == release.built()


@pytest.mark.slow
def test_data_of_another_shape_stops_before_training(release):
    """The model of before is still there."""
    release.edit("params.yaml", "data: digits", "data: diabetes")
    before = release.built()

    [line] = refused(release, "configure", "prepare", "train")

    assert line.startswith("model digits_cnn: ")
    assert 0 == release.dvc("checkout").status
    after = release.built()
    changed = {name for name in before if before[name] != after.get(name)}
    assert {"build/params.json"} == {name for name in changed if "build/prepare" not in name}


def add_code(release, file):
    """Append a statement that changes no output."""
    release.write(file, release.read(file) + "\nADDED = 1\n")


@pytest.mark.parametrize(
    ("edited", "reached", "how"),
    [
        slow(MODEL, "Running stage 'train'", signal.SIGKILL),
        slow(MODEL, "epoch 1/1", signal.SIGKILL),
        slow("litemill/conversion/export.py", "Running stage 'export'", signal.SIGKILL),
        slow("litemill/conversion/convert.py", "Running stage 'convert@int8'", signal.SIGKILL),
        slow(MODEL, "Running stage 'train'", signal.SIGINT),
        ("litemill/conversion/convert.py", "Running stage 'convert@int8'", signal.SIGINT),
    ],
)
def test_an_interrupted_build_ends_with_the_same_bytes_the_next_time(release, edited, reached, how):
    """Killed, or stopped by Ctrl-C: nothing half-done is taken for finished."""
    add_code(release, edited)
    before = release.built()

    done = release.interrupted(lambda log: reached in log, how)
    assert 0 != done.status

    assert release.repro().stages
    assert before == release.built()
    assert [] == release.repro().stages


@pytest.mark.parametrize(
    "stage", [slow("prepare"), slow("train"), slow("export"), slow("convert"), "package"]
)
def test_a_full_disk_loses_nothing(release, stage):
    """The stage fails, `dvc checkout` restores what was there, and the next build is whole."""
    add_code(release, f"stages/{stage}.py")
    before = release.built()
    shim = release.root.parent / "full"
    shim.mkdir()
    # As if there were room for some files, and then for no more.
    (shim / "python").write_text(
        f'#!/bin/sh\nif [ "$2" = stages.{stage} ]; then ulimit -S -f 16; fi\n'
        f'exec {sys.executable} "$@"\n'
    )
    (shim / "python").chmod(0o755)

    done = release.run(sys.executable, "-m", "dvc", "repro", path=shim)

    assert 0 != done.status
    assert ["configure", stage] == [name.partition("@")[0] for name in done.stages]
    assert_nothing_is_lost(release, before)
    release.repro()
    assert before == release.built()


def test_a_bug_in_a_stage_leaves_no_part_of_its_outputs(release):
    """With its traceback; DVC would refuse to replace what is in no lock."""
    half = "    Path('build/prepare/train').mkdir(parents=True)\n    1 / 0\n"
    release.edit("stages/prepare.py", "    prepare.run(", f"{half}    prepare.run(")
    before = release.built()

    done = release.dvc("repro")

    assert "ZeroDivisionError" in done.err
    assert "prepare: no outputs written; `dvc checkout` restores" in done.err
    assert not (release.root / "build/prepare/train").exists()
    assert_nothing_is_lost(release, before)


@pytest.fixture
def failed(release):
    """Give a release whose variants fail a check each, and what the build said."""
    release.edit("params.yaml", "snr_db: 1,", "snr_db: 500, size_bytes: 999,")
    return release, release.built(), release.dvc("repro")


def test_a_failed_check_fails_the_build_and_is_named(failed):
    """All of them are."""
    _, _, done = failed

    assert 0 != done.status
    assert ["configure", "report", "gate"] == done.stages
    for check in ("int8.snr_db", "float32.size_bytes", "int8.size_bytes"):
        assert f"\n{check}: found " in f"\n{done.err}"


def test_a_failed_gate_leaves_measurements_and_no_package(failed):
    """A package of before would lie beside variants that it is not made of."""
    release, before, done = failed

    after = release.built()
    for part in ("build/convert/", "build/validate/"):
        kept = {name: digest for name, digest in before.items() if name.startswith(part)}
        assert kept
        assert kept.items() <= after.items()
    assert not (release.root / "build/package").exists()
    assert "\nbuild/package: removed, there is no release; " in done.err
    assert "; `dvc exp run ... report` keeps " in done.err
    shown = json.loads(release.dvc("metrics", "show", "--json").out)
    metrics = {
        name: shown[""]["data"][f"build/report/metrics/{name}.json"]["data"]
        for name in ("float32", "int8")
    }
    assert [False, False] == [measured["passed"] for measured in metrics.values()]
    assert metrics["int8"]["snr_db"] > 0


def test_a_failed_gate_stops_neither_a_checkout_nor_a_change_of_branch(failed):
    """Nothing is in the way of what Git and DVC bring back."""
    release, before, _ = failed
    release.git("switch", "--quiet", "--create", "strict")
    release.git("commit", "--quiet", "--all", "--message", "Be strict")

    release.git("switch", "--quiet", "main")
    done = release.dvc("checkout")

    assert 0 == done.status, done.err
    assert before == release.built()
    assert [] == release.repro().stages


@pytest.mark.slow
def test_an_experiment_whose_gate_fails_is_kept_up_to_its_report(release):
    """As the message of the gate says."""
    words = ["exp", "run", "-S", "overrides.limits.snr_db=500", "--name"]
    assert 0 != release.dvc(*words, "lost").status
    release.git("checkout", "--quiet", "params.yaml", "dvc.lock", "build/params.json")

    kept = release.dvc(*words, "kept", "report")

    assert 0 == kept.status, kept.err
    listed = release.dvc("exp", "list", "--name-only").out
    assert ["kept"] == listed.split()


@pytest.mark.slow
def test_a_looser_limit_passes_without_conversion_and_inference(failed):
    """What was measured is judged anew."""
    release, _, _ = failed
    release.edit("params.yaml", "snr_db: 500, size_bytes: 999,", "snr_db: 0.5,")

    assert ["configure", "report", "gate", "package"] == release.repro().stages
