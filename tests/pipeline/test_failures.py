"""Bad input, killed stages, full disks and failed checks, on real DVC: nothing good is lost."""

from __future__ import annotations

import json
import os
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
    """Run `dvc repro`, which must fail in the last of `stages`; the lines that tell why."""
    done = release.dvc("repro")

    assert 0 != done.status
    assert [*stages] == done.stages
    assert "epoch" not in done.out
    assert "Traceback" not in done.err
    return [line for line in done.err.splitlines() if line and not line.startswith("ERROR: ")]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("params.yaml", VARIANTS, "variants: []\n", "params.yaml: variants: an empty list; "),
        ("params.yaml", "  - int8", "  - float32", "params.yaml: variants: 'float32' is there twi"),
        ("params.yaml", "  - int8", "  - int_8", "params.yaml: variants: no 'int_8' in conf/varia"),
        ("params.yaml", "model: digits_cnn", "model: digits", "params.yaml: model: no 'digits' in"),
        ("params.yaml", "data: digits", "data: digit", "params.yaml: data: no 'digit' in conf/dat"),
        ("params.yaml", "epochs: 1", "epoch: 1", "params.yaml: overrides.train.epoch: unknown key"),
        ("params.yaml", "snr_db: 1", "snr: 1", "params.yaml: overrides.limits.snr: unknown check"),
        ("conf/train/default.yaml", "seed: 0", "seed: [", "conf/train/default.yaml:"),
        ("conf/variant/int8.yaml", "samples: 100", "samples: 0", "conf/variant/int8.yaml: calibra"),
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


def test_many_faults_are_told_at_once(release):
    """One line each."""
    release.edit("params.yaml", "snr_db: 1", "snr: 1")
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 0")
    release.edit("requirements.lock", "\nkeras==", "\nkeras==9")

    assert 3 == len(refused(release, "configure"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("np.float32(LEVELS)", "np.nan", "data.digits.load"),
        ("targets=digits.target", "targets=digits.target + 1", "data.digits.load"),
        ("images[..., np.newaxis]", "images[:1]", "data.digits.load"),
        ("return Dataset(", "return dict(", "data.digits.load: returned a dict; "),
    ],
)
def test_bad_data_stops_in_prepare(release, old, new, told):
    """Before anything is trained."""
    release.edit(DATA, old, new)
    before = release.built()

    [line] = refused(release, "prepare")

    assert told == line[: len(told)]
    assert before == release.built()


def test_a_function_that_gives_no_model_stops_before_training(release):
    """Whatever it gives."""
    release.edit(MODEL, "    return keras.Model(", "    return dict(x=")
    release.edit(MODEL, 'dict(x=image, digit, name="digits_cnn")', "dict(x=image, y=digit)")
    before = release.built()

    lines = refused(release, "train")

    assert ["model.build: models.digits_cnn.build returned a dict; expected a keras.Model"] == lines
    assert before == release.built()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("model: {build: {classes: 7}}", "model digits_cnn: output"),
        ("model: {build: {clases: 10}}", "model.build (models.digits_cnn.build): no argument 'cla"),
        ("train: {optimizer: {_target_: keras.optimizers.Adamm}}", "train.optimizer._target_: ca"),
        ("train: {optimizer: {learning_rat: 1}}", "train.optimizer (keras.optimizers.Adam): Arg"),
        (
            "data: {metric: {output: digits}}",
            "data.metric.output: the model gives no 'digits'; did",
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
    after = release.built()
    assert {"build/params.json"} == {name for name in before if before[name] != after.get(name)}


def test_code_that_dvc_does_not_watch_stops_before_training(release):
    """Configure did not see it, since nothing in conf/ changed."""
    release.edit(MODEL, "    import keras\n\n    image", "    import metrics\n    image")
    before = release.built()

    [line] = refused(release, "train")

    reached = "reaches litemill/metrics/__init__.py, which is no dependency of train; "
    assert line.startswith(f"model.build: {reached}")
    assert before == release.built()


@pytest.mark.parametrize(
    ("file", "stage", "place"),
    [
        ("data/digits/__init__.py", "prepare", "data.load"),
        ("litemill/metrics/__init__.py", "validate@float32", "data.metric.score"),
    ],
)
def test_code_that_dvc_does_not_watch_stops_other_stages_too(release, file, stage, place):
    """Or later edits of that code would rebuild nothing."""
    release.write("shared.py", "SIZE = 1\n")
    release.edit(file, "import numpy as np\n", "import numpy as np\nimport shared\n")
    before = release.built()

    [line] = refused(release, stage)

    assert line.startswith(f"{place}: reaches shared.py, which is no dependency of {stage[:7]}")
    assert before == release.built()


def test_data_of_another_shape_stops_before_training(release):
    """The model of before is still there."""
    release.edit("params.yaml", "data: digits", "data: diabetes")
    before = release.built()

    [line] = refused(release, "configure", "prepare", "train")

    assert line.startswith("model digits_cnn: ")
    after = release.built()
    lost = {name for name in before if before[name] != after.get(name)}
    assert {"build/params.json"} == {name for name in lost if "build/prepare" not in name}


@pytest.mark.parametrize(
    ("edited", "reached", "how"),
    [
        (MODEL, "Running stage 'train'", signal.SIGKILL),
        slow(MODEL, "epoch 1/1", signal.SIGKILL),
        slow("litemill/conversion/export.py", "Running stage 'export'", signal.SIGKILL),
        slow("litemill/conversion/convert.py", "Running stage 'convert@int8'", signal.SIGKILL),
        slow(MODEL, "Running stage 'train'", signal.SIGINT),
        ("litemill/conversion/convert.py", "Running stage 'convert@int8'", signal.SIGINT),
    ],
)
def test_an_interrupted_build_ends_with_the_same_bytes_the_next_time(release, edited, reached, how):
    """Killed, or stopped by Ctrl-C: nothing half-done is taken for finished."""
    release.comment(edited)
    before = release.built()

    done = release.interrupted(lambda log: reached in log, how)
    assert 0 != done.status

    assert release.repro().stages
    assert before == release.built()
    assert [] == release.repro().stages


@pytest.mark.parametrize("stage", [slow("prepare"), "train", slow("export"), "convert", "package"])
def test_a_full_disk_loses_nothing(release, stage):
    """The stage fails, what was there stays, and the next build is whole."""
    release.comment(f"stages/{stage}.py")
    before = release.built()
    shim = release.root.parent / "full"
    shim.mkdir()
    # As if there were room for some files, and then for no more.
    (shim / "python").write_text(
        f'#!/bin/sh\nif [ "$3" = {stage} ]; then ulimit -S -f 16; fi\nexec {sys.executable} "$@"\n'
    )
    (shim / "python").chmod(0o755)

    done = release.run(sys.executable, "-m", "dvc", "repro", path=shim)

    assert 0 != done.status
    assert ["configure", stage] == [name.partition("@")[0] for name in done.stages]
    assert before == release.built()
    release.repro()
    assert before == release.built()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(release):
    """One line."""
    release.comment("litemill/report/gate.py")
    (release.root / "build/gate").chmod(0o500)

    [line] = refused(release, "configure", "gate")

    assert "Permission denied" in line


@pytest.fixture
def failed(release):
    """Give a release whose variants fail a check each, and what the build said."""
    release.edit("params.yaml", "snr_db: 1,", "snr_db: 500, size_bytes: 9,")
    return release, release.built(), release.dvc("repro")


def test_a_failed_check_fails_the_build_and_is_named(failed):
    """All of them are."""
    _, _, done = failed

    assert 0 != done.status
    assert ["configure", "report", "gate"] == done.stages
    for check in ("int8.snr_db", "float32.size_bytes", "int8.size_bytes"):
        assert f"\n{check}: found " in f"\n{done.err}"


def test_a_failed_check_keeps_measurements_and_the_package_of_before(failed):
    """`dvc metrics show` shows them."""
    release, before, _ = failed

    after = release.built()
    for part in ("build/convert/", "build/validate/", "build/package/"):
        kept = {name: digest for name, digest in before.items() if name.startswith(part)}
        assert kept
        assert kept.items() <= after.items()
    shown = json.loads(release.dvc("metrics", "show", "--json").out)
    metrics = {
        name: shown[""]["data"][f"build/report/metrics/{name}.json"]["data"]
        for name in ("float32", "int8")
    }
    assert [False, False] == [measured["passed"] for measured in metrics.values()]
    assert metrics["int8"]["snr_db"] > 0


def test_a_looser_limit_passes_without_conversion_and_inference(failed):
    """What was measured is judged anew."""
    release, _, _ = failed
    release.edit("params.yaml", "snr_db: 500, size_bytes: 9,", "snr_db: 0.5,")

    assert ["configure", "report", "gate", "package"] == release.repro().stages
