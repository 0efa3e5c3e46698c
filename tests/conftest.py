"""Copies of the project: `project` as cloned, `release` as built."""

from __future__ import annotations

import shutil
import signal

import importing
import pytest
from project import copied, fresh


def pytest_configure():
    """Heed Ctrl-C: run in the background of a shell, tests ignore it, and would hand that down."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def project(tmp_path):
    """Give a copy of the sources that was never built."""
    return fresh(tmp_path)


@pytest.fixture(scope="session")
def first_build(tmp_path_factory):
    """Build the quick release once, and commit what a project commits; not to be edited."""
    project = fresh(tmp_path_factory.mktemp("built"))
    project.env |= importing.recorded(project.root.parent / "importing")
    project.env["LITEMILL_WORKER_IDLE"] = "20"  # a busy machine must not make it two workers
    project.first = project.repro()
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "Build")
    return project


@pytest.fixture(scope="session")
def turn(tmp_path_factory):
    """Give a folder that is every test's in its turn: a worker may be warm there."""
    return tmp_path_factory.mktemp("turn") / "release"


@pytest.fixture
def release(first_build, turn, tmp_path):
    """Give a built copy of the project, to edit."""
    # A worker that the test before started may make its settings folder here, after that test.
    shutil.rmtree(turn, ignore_errors=True)
    project = first_build.copy(turn)
    project.env["LITEMILL_WORKER_IDLE"] = "30"
    yield project
    turn.rename(tmp_path / "release")  # as it was left, for whoever looks for a fault


@pytest.fixture
def tree(tmp_path):
    """Give a plain copy of the sources, for what needs neither Git nor DVC."""
    return copied(tmp_path / "tree")
