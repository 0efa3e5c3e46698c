"""A repository of Litemill as it is now, and projects that `litemill init` starts from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from project import Project, copied

if TYPE_CHECKING:
    from pathlib import Path

# One epoch, two variants, and no limits that one epoch could miss.
QUICK = "{train: {epochs: 1}, limits: {snr_db: 1, top1_agreement: 0.1, metric_drop_relative: 1}}"
OTHER_VARIANTS = "  - dynamic_range\n  - float16\n  - int8\n  - int8_float_io\n  - int16x8\n"


def upstream(folder: Path) -> Project:
    """Commit the sources to a repository of their own in `folder`."""
    project = Project(copied(folder / "litemill"))
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("add", "--all", "--force")
    project.git("commit", "--quiet", "--message", "Litemill")
    return project


def started(litemill: Project, folder: Path, name: str = "mine") -> Project:
    """Start a project in `folder` with that Litemill's own command."""
    done = litemill.run(sys.executable, "-m", "litemill", "init", str(folder / name))
    assert 0 == done.status, done.err
    return Project(folder / name)


def quick(project: Project) -> None:
    """Let a build of the example take half a minute, and commit that choice."""
    project.edit("params.yaml", "overrides: {}", f"overrides: {QUICK}")
    project.edit("params.yaml", OTHER_VARIANTS, "  - int8\n")
    project.git("commit", "--quiet", "--all", "--message", "Be quick")
