"""A folder is replaced in one step, whatever moment its process is killed at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from litemill.core import exchange
from litemill.core.files import atomic_replace

# Replaces a folder, and kills itself at the file operation of that number. Python tells its audit
# hooks of each before it happens; the exchange itself lies between two of them.
KILLED = """
import os, signal, sys
from pathlib import Path
from litemill.core import exchange
from litemill.core.files import atomic_replace
target, number, able = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "able"
if not able:
    exchange.exchange = lambda one, other: False
count = 0
def note(event, arguments):
    global count
    if event.startswith(("os.", "shutil.")):
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
with atomic_replace(target) as fresh:
    fresh.mkdir()
    for name in "ab":
        (fresh / name).write_text("new")
    sys.addaudithook(note)
"""
# Replaces a folder until it is killed.
REPLACING = """
import sys
from pathlib import Path
from litemill.core.files import atomic_replace
number = 0
while True:
    number += 1
    with atomic_replace(Path(sys.argv[1])) as fresh:
        fresh.mkdir()
        (fresh / "file").write_text(str(number))
    if number == 1:
        print("begun", flush=True)
"""


def folder(path, text):
    """Write a folder of two files."""
    path.mkdir()
    for name in "ab":
        (path / name).write_text(text)
    return path


def content(path):
    """Read a folder's files by name."""
    return {file.name: file.read_text() for file in sorted(path.iterdir())}


def killed_at(target, number, able):
    """Replace a folder in a process that ends at that file operation; whether it did."""
    command = [sys.executable, "-c", KILLED, str(target), str(number), able]
    status = subprocess.run(command, check=False).returncode
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_process_killed_at_any_step_leaves_the_old_folder_or_the_new_one(tmp_path):
    """And the next replacement clears up what it left."""
    seen = []
    for number in range(1, 100):
        target = folder(tmp_path / f"target{number}", "old")
        if not killed_at(target, number, "able"):
            break
        seen.append(content(target))
        with atomic_replace(target) as fresh:
            folder(fresh, "newer")
        assert [target.name] == [one.name for one in tmp_path.glob(f"*target{number}*")]
    assert number > 3
    assert all(one in ({"a": "old", "b": "old"}, {"a": "new", "b": "new"}) for one in seen)
    assert seen[-1] == {"a": "new", "b": "new"}


def test_process_killed_where_names_cannot_be_exchanged_loses_nothing(tmp_path):
    """The next replacement brings back what lies aside, even if it fails itself."""
    for number in range(1, 100):
        target = folder(tmp_path / f"target{number}", "old")
        if not killed_at(target, number, "unable"):
            break
        with pytest.raises(ZeroDivisionError), atomic_replace(target):
            raise ZeroDivisionError
        assert content(target) in ({"a": "old", "b": "old"}, {"a": "new", "b": "new"})
        assert [target.name] == [one.name for one in tmp_path.glob(f"*target{number}*")]
    assert number > 4


def test_folder_is_there_at_every_moment_of_its_replacement(tmp_path):
    """A reader finds it whole, each time that it looks."""
    target = tmp_path / "target"
    command = [sys.executable, "-c", REPLACING, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        until, read = time.monotonic() + 1, set()
        while time.monotonic() < until:
            read.add((target / "file").read_text())
        process.kill()
    assert len(read) > 10


def test_exchange_swaps_two_names(tmp_path):
    """A folder and a link, say, which a rename could not replace."""
    one, other = folder(tmp_path / "one", "text"), tmp_path / "other"
    other.symlink_to("nowhere")
    if not exchange.exchange(one, other):
        pytest.skip("this file system cannot exchange names")
    assert "nowhere" == os.readlink(one)  # noqa: PTH115
    assert {"a": "text", "b": "text"} == content(other)


def test_exchange_that_fails_names_the_file(tmp_path):
    """Such as one that is not there."""
    with pytest.raises(FileNotFoundError, match="target"):
        exchange.exchange(tmp_path / "none", tmp_path / "target")
