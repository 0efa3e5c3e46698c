"""How a process ends whose reader goes away early, as that of `litemill explain | head` does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from project import ROOT

from litemill.core.exit_status import CLOSED

PROGRAM = """
import sys
from litemill.core.exit_status import run_and_exit

def main():
    {body}

run_and_exit(main, on_failure=lambda: "cleaned up")
"""


def end(*words):
    """Run Python with a standard output that nobody reads; its status and standard error."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("print('a line')", CLOSED, ""),
        ("print('a line'); sys.exit(0)", CLOSED, ""),
        ("print('x' * (1 << 20))", CLOSED, "cleaned up\n"),
        ("print('a line'); sys.exit(3)", 3, ""),
        ("print('a line'); raise OSError(28, 'full', 'disk')", 1, "disk: full\ncleaned up\n"),
    ],
)
def test_a_closed_output_ends_a_process_quietly(body, status, told):
    """With the status of shells; a failure keeps its own."""
    assert (status, told) == end("-c", PROGRAM.format(body=body))


@pytest.mark.parametrize(
    "words", [["list"], ["completion", "bash"], ["--help"], ["list", "--help"]]
)
def test_commands_end_quietly_when_nobody_reads(words):
    """Those that print much, those that print little, and help."""
    assert (CLOSED, "") == end("-m", "litemill", *words)
