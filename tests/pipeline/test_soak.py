"""Long tests, run by `make soak`: builds that are killed anywhere, and two at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from project import fresh

MOMENTS = int(os.environ.get("LITEMILL_SOAK", "30"))


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the sources: edits while this runs do not count."""
    return fresh(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def undisturbed(sources, tmp_path_factory):
    """What an undisturbed build makes, and how many seconds it takes."""
    project = sources.copy(tmp_path_factory.mktemp("undisturbed"))
    start = time.monotonic()
    project.repro()
    return project.built() | {"dvc.lock": project.read("dvc.lock")}, time.monotonic() - start


def started(project):
    """Start `dvc repro`."""
    return project.start(sys.executable, "-m", "dvc", "repro", stderr=subprocess.STDOUT)


@pytest.mark.long
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_build_killed_at_any_moment_is_finished_by_the_next_one(
    sources, undisturbed, tmp_path, moment
):
    """With the same bytes as an undisturbed one."""
    expected, seconds = undisturbed
    project = sources.copy(tmp_path)
    with started(project) as process:
        time.sleep(random.Random(moment).uniform(0, seconds))
        os.killpg(process.pid, signal.SIGKILL)

    project.repro()

    assert expected == project.built() | {"dvc.lock": project.read("dvc.lock")}
    assert "Data and pipelines are up to date." in project.dvc("repro").out


@pytest.mark.long
@pytest.mark.parametrize("delay", [0, 0.3, 2, 8])
def test_of_two_builds_at_once_one_waits_or_says_why_not(sources, undisturbed, tmp_path, delay):
    """Nothing is damaged, and the bytes are those of one build."""
    expected, _ = undisturbed
    project = sources.copy(tmp_path)
    with started(project) as first:
        time.sleep(delay)
        with started(project) as second:
            said = [first.communicate()[0], second.communicate()[0]]
    statuses = [first.returncode, second.returncode]

    assert 0 in statuses, said
    for status, text in zip(statuses, said, strict=True):
        if status:
            assert "lock" in text.lower(), text
            assert "Traceback" not in text
    project.repro()
    assert expected == project.built() | {"dvc.lock": project.read("dvc.lock")}
    assert "Data and pipelines are up to date." in project.dvc("repro").out
