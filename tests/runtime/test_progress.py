"""Progress of long work: on a terminal, in a log, and while output is captured."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

WORK = """\
import time
from litemill.runtime import progress
from litemill.runtime.capture_output import capture_output
progress.EVERY = progress.FIRST = progress.REDRAWN = 0.05
with capture_output(), progress.Progress("validate int8", 40) as shown:
    print("noise")
    for _ in range(40):
        time.sleep(0.01)
        shown.advance()
print("done")
"""


def test_a_log_gets_a_line_now_and_then():
    """With the time left, though everything else that is printed is captured."""
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)

    lines = done.stderr.splitlines()
    assert "done\n" == done.stdout
    assert 1 <= len(lines) < 40
    assert all(line.startswith("validate int8: ") for line in lines)
    assert lines[0].endswith(" of 40 samples, 0:00 left")


@pytest.mark.parametrize(("setting", "shown"), [("1", True), ("0", False)])
def test_a_terminal_gets_a_bar(setting, shown):
    """Also through DVC, which hands its terminal on; nothing where a command has a bar itself."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LITEMILL_PROGRESS": setting}
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(command, stdout=child, stderr=child, env=environment) as process:
        os.close(child)
        text = b""
        while chunk := _read(parent):
            text += chunk
    os.close(parent)

    assert 0 == process.returncode
    assert shown == (b"validate int8" in text and b"/40" in text and b"samples, " in text)
    assert b"noise" not in text
    assert b"done" in text


def _read(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is gone
        return b""
