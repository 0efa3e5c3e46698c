"""Copies of the project: `project` as cloned, `release` as built."""

from __future__ import annotations

import importing
import pytest
from project import copied, fresh


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


@pytest.fixture
def release(first_build, tmp_path):
    """Give a built copy of the project, to edit."""
    return first_build.copy(tmp_path)


@pytest.fixture
def tree(tmp_path):
    """Give a plain copy of the sources, for what needs neither Git nor DVC."""
    return copied(tmp_path / "tree")
