"""Forked processes that compute points: none of their deaths costs another point."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from project import ROOT

from litemill.config.schema.variant import Route, Variant
from litemill.sweep import pool
from litemill.sweep.pool import Pool
from litemill.sweep.task import Outcome, Task

# A file of more than one block.
MADE = Outcome({"sha256": "ab"}, content=b"x" * (3 << 20))


def work(task, tell):
    """Do what the name of the point says; the answer is the process that did it."""
    if task.point.startswith("made"):
        tell(MADE)
    if "signal" in task.point:
        os.write(2, b"Check failed: a < b\n")
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)
    if "kill" in task.point:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in task.point:
        os._exit(3)
    if "raise" in task.point:
        raise ValueError("two\nlines")
    if "sleep" in task.point:
        time.sleep(60)
    if task.point.startswith("span"):
        start = time.monotonic()
        time.sleep(0.05)
        return Outcome({"span": (start, time.monotonic())})
    if task.point.startswith("meet"):
        _, count, own = task.point.split(maxsplit=2)
        return meet(int(count), Path(own))
    return Outcome({"pid": os.getpid()})


def run(names, *, workers=2, seconds=30.0, variant=None):
    """Run points; the outcome of each by name."""
    found = {}
    waiting = [Task(name, variant or Variant()) for name in names]
    with Pool(work, workers, seconds) as processes:
        while waiting or processes.busy:
            while waiting and processes.free:
                processes.give(waiting.pop(0))
            found |= {task.point: outcome for task, outcome in processes.wait()}
    return found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("signal", "its process was ended by SIGSEGV; it said: Check failed: a < b"),
        ("exit", "its process ended with status 3"),
        ("raise", "ValueError: two lines"),
    ],
)
def test_a_crash_is_the_error_of_its_point_and_of_no_other(name, told):
    """Points before and after it, and beside it, are computed."""
    names = ["a", "b", name, "c", "d", f"{name}2", "e"]
    found = run(names)
    assert {*names} == {*found}
    assert {name: told, f"{name}2": told} == {n: o.error for n, o in found.items() if o.error}
    assert not any(outcome.lasting for outcome in found.values())


def test_a_point_that_takes_too_long_is_ended():
    """And the others go on."""
    found = run(["a", "sleep", "b", "c"], seconds=2.0)
    assert "no answer within 2 s; ended" == found["sleep"].error
    assert [None] * 3 == [found[name].error for name in "abc"]


def test_a_file_that_was_made_is_there_whatever_ends_its_measurement():
    """A crash, an error or too little time; only a crash of its own is called one."""
    names = ["made signal", "made exit", "made kill", "made raise", "made sleep", "made", "signal"]
    found = run(names, seconds=2.0)
    made = {name: (one.file, one.content) for name, one in found.items() if "made" in name}
    assert dict.fromkeys(made, (MADE.file, MADE.content)) == made
    assert ["made signal", "made exit", "signal"] == [n for n in names if found[n].crashed]
    assert ["made"] == [name for name in names if found[name].error is None]
    assert (None, None) == (found["signal"].file, found["signal"].content)


def test_a_process_computes_many_points_and_then_another_takes_its_place():
    """So that memory stays bounded over a long sweep."""
    found = run([str(number) for number in range(pool.TURNS + 1)], workers=1)
    pids = [outcome.file["pid"] for outcome in found.values()]
    assert {pids[0]} == set(pids[: pool.TURNS])
    assert pids[0] != pids[-1]


def test_points_that_trace_a_keras_model_get_a_process_each():
    """As the stage gives them one."""
    found = run(["a", "b", "c"], workers=1, variant=Variant(route=Route.keras))
    assert 3 == len({outcome.file["pid"] for outcome in found.values()})


@pytest.mark.parametrize("workers", [2, 3])
def test_points_run_at_the_same_time(tmp_path, workers):
    """As many as there are workers meet, and one more later."""
    names = [f"meet {workers} {tmp_path}/{number}" for number in range(workers)]
    found = run([*names, f"meet {workers} {tmp_path}/late"], workers=workers)
    assert {"met"} == {outcome.file["told"] for outcome in found.values()}


def meet(count, own):
    """Say that this point is here, and wait for others in the same folder."""
    own.touch()
    while len(list(own.parent.iterdir())) < count:
        time.sleep(0.01)
    return Outcome({"told": "met"})


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_points_run_than_allowed(workers):
    """As each says when it ran."""
    spans = [o.file["span"] for o in run([f"span {i}" for i in range(9)], workers=workers).values()]
    assert 9 == len(spans)
    for moment, _ in spans:
        assert workers >= sum(start <= moment < end for start, end in spans)


PARENT = """
import os, sys, time
from litemill.sweep.pool import Pool
from litemill.sweep.task import Task
from litemill.config.schema.variant import Variant
def work(task, tell):
    print("x", flush=True)
    open(sys.argv[1] + "/" + str(os.getpid()), "w").close()
    time.sleep(60)
with Pool(work, 2, 60) as processes:
    processes.give(Task("a", Variant()))
    processes.give(Task("b", Variant()))
    while True:
        processes.wait()
"""


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    """In the middle of a point too."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as parent:
        while len(list(tmp_path.iterdir())) < 2:
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    children = [int(path.name) for path in tmp_path.iterdir()]
    until = time.monotonic() + 10
    while any(map(running, children)) and time.monotonic() < until:
        time.sleep(0.02)
    assert [] == [child for child in children if running(child)]


def running(pid):
    """Return whether a process runs; one that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
