"""The table of docs/exit_codes.md: each command's failing cases, really run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import yaml
from project import ROOT

from litemill.cli.main import COMMANDS

# A command line that fails in an empty folder, and its status.
FAILING = {
    "configure": ([], 1),
    "build": ([], 1),
    "explain": ([], 1),
    "list": ([], 1),
    "show": ([], 1),
    "convert": (["--keras_model_file=no.keras", "--output_file=out.tflite"], 1),
    "benchmark": ([], 1),
    "sweep": (["calibration.samples=20,50"], 1),
    "improve": (["int8"], 1),
    "sensitivity": (["int8"], 1),
    "inspect": (["no.tflite"], 1),
    "release": ([], 1),
    "report": (["--history"], 1),
    "explore": (["int8"], 1),
    "verify": (["no.tar.gz"], 1),
    "compare": (["no.tar.gz", "no.tar.gz"], 2),
    "init": ([str(ROOT / "docs")], 1),  # is not empty
    "update": ([], 1),
    # A shell that it does not know is a wrong command line; nothing else can fail.
    "completion": (["fish"], 2),
    "audit": (["no.keras", "no.tflite", "--samples", "no.npz"], 2),
}
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]


def run(folder, *words):
    """Run a module in an empty folder; its status, and its standard error."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LITEMILL_WORKER": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_every_command_is_tried():
    """A new one needs its failing case."""
    assert set(COMMANDS) == set(FAILING)


@pytest.mark.parametrize("command", FAILING)
def test_a_command_that_fails_says_so_with_its_status(tmp_path, command):
    """In words, without a traceback, and nothing is left behind."""
    words, status = FAILING[command]

    found, told = run(tmp_path, "litemill", command, *words)

    assert status == found
    assert told
    assert "Traceback" not in told
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", FAILING)
def test_a_wrong_command_line_is_2(tmp_path, command):
    """Of every command."""
    found, told = run(tmp_path, "litemill", command, "--no-such-option")

    assert 2 == found
    assert "usage: " in told


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_fails_is_1(tmp_path, stage):
    """In one line, or one for each reason; `dvc repro` then ends with 255."""
    words = ["int8"] if "matrix" in STAGES[stage] else []

    found, told = run(tmp_path, f"stages.{stage}", *words)

    assert 1 == found
    assert told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("command", "reads"),
    [("litemill show", "build/report/report.json"), ("stages.gate", "build/report/report.json")],
)
def test_an_interrupted_command_is_130(tmp_path, command, reads):
    """As a shell tells of SIGINT."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "build/report").mkdir(parents=True)
    # Reading from a pipe that nobody writes to takes until it is interrupted.
    os.mkfifo(tmp_path / reads)
    words = [sys.executable, "-m", *command.split()]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        pipe = os.open(tmp_path / reads, os.O_WRONLY)  # returns when the other end is open
        process.send_signal(signal.SIGINT)
        told = process.communicate()[1]
        os.close(pipe)

    assert (130, "interrupted\n") == (process.returncode, told)
