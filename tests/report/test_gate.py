from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from verdicts import broken, measured, output

from litemill.core.errors import ErrorGroup
from litemill.core.files import write_json
from litemill.report import gate
from litemill.report.assemble import assemble_report

ROOT = Path(__file__).parents[2]
LIMITS = {"snr_db": 20, "top1_agreement": 0.98}


def judge(*measurements):
    """Judge measurements against the same limits."""
    return assemble_report(
        list(measurements), {one["variant"]: LIMITS for one in measurements}, "Digits"
    )


def stage(folder, report):
    """Run the stage in a folder of its own."""
    write_json(folder / "build" / "report" / "report.json", report)
    return subprocess.run(
        [sys.executable, "-m", "stages.gate"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def verdict(folder):
    """Read what the stage wrote."""
    return json.loads((folder / "build" / "gate" / "verdict.json").read_text(encoding="utf-8"))


BAD = measured(outputs={"digit": output(snr_db=12.0)}, top1_agreement={"digit": 0.9})


def test_the_stage_lets_a_good_release_through(tmp_path):
    """Silence and 0."""
    done = stage(tmp_path, judge(measured("float32"), measured()))

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    variants = {"float32": True, "int8": True}
    assert {"passed": True, "variants": variants, "failed": []} == verdict(tmp_path)


def test_the_gate_names_the_command_that_may_help(tmp_path):
    """Where quantized activations miss a limit of fidelity; not for a size, nor a float file."""
    path, layers = tmp_path / "report.json", [{"holds": [-1.0, 1.0], "reads": []}]
    for found, named in [
        ({**BAD, "layers": layers}, True),
        ({**BAD, "layers": [{"holds": None}]}, False),
        (BAD, False),
    ]:
        report = judge(found)
        write_json(path, report)
        with pytest.raises(ErrorGroup) as caught:
            gate.run(report=path, out=tmp_path / "verdict.json", package=tmp_path / "package")
        line = str(caught.value).splitlines()[-1]
        hint = "`litemill improve int8` looks for options that meet the limits"
        assert named == (hint in line)


def test_the_gate_raises_an_error_for_every_failed_check(tmp_path):
    """With its place, and what was measured; the last is for the package."""
    path = tmp_path / "report.json"
    write_json(path, judge(measured("float32"), BAD, broken()))

    with pytest.raises(ErrorGroup) as caught:
        gate.run(report=path, out=tmp_path / "verdict.json", package=tmp_path / "package")

    *checks, package = caught.value.errors
    assert [
        ("int8.snr_db", "found 12 dB; expected at least 20"),
        ("int8.top1_agreement", "found 0.9; expected at least 0.98"),
        ("int16x8.runs", "found an error (node 3 has no kernel); expected a model that runs"),
    ] == [(error.place, error.found) for error in checks]
    assert str(tmp_path / "package") == package.place


def test_the_stage_names_every_failed_check_in_a_line_of_its_own(tmp_path):
    """All of them, and no traceback."""
    done = stage(tmp_path, judge(measured("float32"), BAD, broken()))

    assert done.returncode == 1
    assert [
        "int8.snr_db: found 12 dB; expected at least 20",
        "int8.top1_agreement: found 0.9; expected at least 0.98",
        "int16x8.runs: found an error (node 3 has no kernel); expected a model that runs",
    ] == done.stderr.splitlines()[:3]
    assert 4 == len(done.stderr.splitlines())


def test_a_failure_leaves_neither_verdict_nor_package(tmp_path):
    """Those of the build before do not belong to the variants of this one."""
    stage(tmp_path, judge(measured()))
    (tmp_path / "build" / "package").mkdir()

    stage(tmp_path, judge(BAD))

    assert [] == list((tmp_path / "build" / "gate").iterdir())
    assert not (tmp_path / "build" / "package").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"passed": true}'])
def test_a_damaged_report_is_no_pass(tmp_path, content):
    """One line, and status 1."""
    stage(tmp_path, judge(measured()))
    (tmp_path / "build" / "gate" / "verdict.json").unlink()
    (tmp_path / "build" / "report" / "report.json").write_text(content, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "stages.gate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert not (tmp_path / "build" / "gate" / "verdict.json").exists()


def test_gate_imports_nothing_heavy():
    """It has nothing to compute."""
    code = "import sys, litemill.report.gate; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    heavy = {"tensorflow", "keras", "numpy", "ai_edge_litert", "hydra", "omegaconf", "dvc", "rich"}
    assert set() == heavy & set(done.stdout.split())


def test_report_imports_neither_tensorflow_nor_an_interpreter():
    """The table needs no arrays."""
    code = "import sys, litemill.report.assemble; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    heavy = {"tensorflow", "keras", "numpy", "ai_edge_litert", "hydra", "omegaconf", "matplotlib"}
    assert set() == heavy & set(done.stdout.split())
