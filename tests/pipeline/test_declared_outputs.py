"""A stage exits 0 only when it has written all that dvc.yaml declares for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from project import ROOT

from litemill.core.errors import LitemillError
from litemill.pipeline.declared_outputs import (
    check_outputs,
    declared_outputs,
    run_to_completion,
)

DVC_YAML = """\
stages:
  train:
    cmd: python -m stages.train
    outs:
      - build/model
      - build/log:
          cache: false
    metrics:
      - build/metrics.json
  convert:
    matrix: {variant: [int8]}
    cmd: python -m stages.convert ${item.variant}
    outs:
      - build/convert/${item.variant}/model.tflite
      - build/${other}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a project of nothing but dvc.yaml the current folder."""
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*names):
    """Return a stage that writes files."""

    def main(*_):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return main


@pytest.mark.usefixtures("folder")
def test_outputs_of_all_kinds_are_listed():
    """An item of a matrix stands in its place; other templates are DVC's alone."""
    assert declared_outputs("train", []) == [
        *(Path("build/model"), Path("build/log"), Path("build/metrics.json"))
    ]
    assert declared_outputs("convert", ["int8"]) == [Path("build/convert/int8/model.tflite")]
    assert declared_outputs("other", []) == []


def test_a_project_without_dvc_yaml_declares_nothing(tmp_path):
    """A stage may be run by hand anywhere."""
    assert [] == declared_outputs("train", [], tmp_path)


def test_the_stages_of_this_project_declare_their_outputs():
    """Each of them has some, and none is left as a template."""
    for stage in ("prepare", "train", "export", "report", "gate", "package"):
        assert declared_outputs(stage, [], ROOT)
    assert [ROOT / "build/validate/int8.json"] == declared_outputs("validate", ["int8"], ROOT)


@pytest.mark.usefixtures("folder")
def test_a_stage_that_leaves_out_an_output_fails_and_names_all():
    """Although it returned."""
    run_to_completion("train", write("build/model", "build/log", "build/metrics.json"), [])
    Path("build/log").unlink()
    Path("build/metrics.json").unlink()

    with pytest.raises(LitemillError) as caught:
        check_outputs("train", [])

    assert "stage train" == caught.value.place
    assert "did not write build/log, build/metrics.json" == caught.value.found


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("code", [0, None, 3, "text"])
def test_a_stage_that_is_ended_from_within_fails(code):
    """Whatever the status, and though files of an earlier run are there; names the line."""
    outputs = write("build/model", "build/log", "build/metrics.json")
    outputs()

    with pytest.raises(LitemillError) as caught:
        run_to_completion("train", lambda: sys.exit(code), [])

    assert f"ended by sys.exit({code!r}) in {__file__}:" in caught.value.found


@pytest.mark.pipeline
@pytest.mark.parametrize("worker", ["0", "1"])
def test_a_model_that_ends_the_process_fails_its_stage(release, worker):
    """In its own process and in the worker, where it cannot even end the process at once."""
    release.env["LITEMILL_WORKER"] = worker
    for end in ("sys.exit(0)", *(["os._exit(0)"] if worker == "1" else [])):
        release.write(
            "models/digits_cnn/__init__.py", f"import os, sys\n\ndef build(**_):\n    {end}\n"
        )
        release.run("rm", "-r", "build/train")
        done = release.stage("train")
        assert 1 == done.status, end
        assert done.err.startswith("stage train: "), done.err
        assert "Traceback" not in done.err
