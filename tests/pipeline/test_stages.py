from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from project import ROOT

from litemill.pipeline.stage_table import STAGES


def run(folder, stage, *arguments):
    """Run a stage's module in a folder."""
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_stage_of_the_table_is_a_module():
    """And each module a stage."""
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}

    assert modules == set(STAGES)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["convert"], "python -m stages.convert: nothing; expected a variant\n"),
        (["convert", "a", "b"], "python -m stages.convert: a b; expected a variant\n"),
        (["gate", "int8"], "python -m stages.gate: int8; expected nothing\n"),
    ],
)
def test_other_arguments_than_dvc_passes_are_refused(tmp_path, words, line):
    """In one line, with a status for which DVC does not take the stage for done."""
    done = run(tmp_path, *words)

    assert (1, line) == (done.returncode, done.stderr)


@pytest.mark.parametrize("stage", STAGES)
def test_a_process_that_hands_a_stage_over_imports_little(stage):
    """A release has more than a dozen of them, which only wait."""
    program = f"import sys, stages.{stage}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    imported = set(done.stdout.split())
    assert {"numpy", "importlib.metadata", "omegaconf", "yaml", "tensorflow"}.isdisjoint(imported)
    own = {name for name in imported if name.startswith("litemill.")}
    assert {name.split(".")[1] for name in own} <= {"config", "core", "pipeline", "runtime"}
    assert len(own) < 20


STAGE = """\
from pathlib import Path
from litemill.pipeline.stage_runner import run_stage
def main(variant):
    import os, litemill
    print(litemill.WORD, os.getppid())
    out = Path("build/convert") / variant
    out.mkdir(parents=True, exist_ok=True)
    for name in ("model.tflite", "record.json"):  # as dvc.yaml declares
        (out / name).touch()
if __name__ == "__main__":
    run_stage(main)
"""


def test_a_warm_worker_runs_edited_code_of_the_package(tree, tmp_path):
    """What it has imported itself does not count: neither stages, nor Litemill."""
    (tree / "stages/convert.py").write_text(STAGE)
    (tree / "build").mkdir(exist_ok=True)
    (tree / "build/params.json").write_text(json.dumps({"numerics": {}}))
    env = os.environ | {"PYTHONPATH": str(tree), "TMPDIR": str(tmp_path), "LITEMILL_WORKER": "1"}
    env["LITEMILL_WORKER_IDLE"] = "20"
    workers = set()
    for word in ("first", "second"):
        (tree / "litemill/__init__.py").write_text(f"WORD = {word!r}\n")
        done = subprocess.run(
            [sys.executable, "-m", "stages.convert", "int8"],
            cwd=tree,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        printed, worker = done.stdout.split()
        workers.add(worker)
        assert word == printed

    assert 1 == len(workers)
    assert str(os.getpid()) not in workers
