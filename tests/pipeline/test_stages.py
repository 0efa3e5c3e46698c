from __future__ import annotations

import subprocess
import sys

import pytest
from project import ROOT
from stages.__main__ import STAGES, asked

from litemill.core.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["convret", "int8"], "python -m stages: no stage 'convret'; did you mean 'convert'?"),
        ([], "python -m stages: no stage ''; expected "),
        (["convert"], "python -m stages.convert: nothing; expected a variant"),
        (["convert", "a", "b"], "python -m stages.convert: a b; expected a variant"),
        (["gate", "int8"], "python -m stages.gate: int8; expected nothing"),
    ],
)
def test_a_command_line_that_names_no_stage_is_refused(words, told):
    """In one line, before anything runs."""
    with pytest.raises(ConfigError) as caught:
        asked(words)

    assert str(caught.value).startswith(told)


def test_the_exit_status_is_not_zero():
    """DVC would take the stage for done."""
    done = subprocess.run(
        [sys.executable, "-m", "stages.convert"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))


@pytest.mark.parametrize("stage", STAGES)
def test_arguments_are_what_dvc_gives(stage):
    """As test_dvc_yaml.py compares them."""
    arguments = ["x"] if STAGES[stage] else []

    assert (stage, arguments) == asked([stage, *arguments])


def test_a_process_that_hands_a_stage_over_imports_little():
    """A release has more than a dozen of them, which only wait."""
    program = "import sys, stages.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not {"numpy", "importlib.metadata", "omegaconf", "tensorflow"} & set(done.stdout.split())
