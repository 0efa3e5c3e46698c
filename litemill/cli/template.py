"""What a project has of Litemill: `python -m litemill.template (machinery | starter) FOLDER`.

Run in a clone of Litemill, so that a version says for itself which files it gives to projects. The
machinery goes to a branch of its own, which `litemill update` renews; the starter is the user's
from the first day on, and no update touches it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

from litemill.core.errors import LitemillError
from litemill.core.exit_status import run_and_exit
from litemill.core.version import VERSION

# The examples that a project starts with, and where its other first files come from.
EXAMPLES = (
    "params.yaml",
    "conf/data/digits.yaml",
    "conf/model/digits_cnn.yaml",
    "data/digits",
    "models/digits_cnn",
)
STARTER = {
    "template/README.md": "README.md",
    "template/tests/test_project.py": "tests/test_project.py",
    "docs/ci/github.yaml": ".github/workflows/litemill.yaml",
    "docs/ci/gitlab.yaml": ".gitlab-ci.yml",
}
# What only Litemill itself needs: its tests, its other examples, what was built from them.
OWN = (
    ".ci",
    "README.md",
    "build",
    "conf/data",
    "conf/model",
    "data/diabetes",
    "dvc.lock",
    "models/diabetes_mlp",
    "template",
    "tests",
)
# A project has a licence and a history of its own.
MOVED = {"CHANGELOG.md": "litemill/CHANGELOG.md", "LICENSE": "litemill/LICENSE"}


def machinery(names: list[str]) -> dict[str, str]:
    """Give for each of Litemill's files that a project has: where it lies there."""
    kept = [name for name in names if not _below(name, (*EXAMPLES, *OWN))]
    return {name: MOVED.get(name, name) for name in kept}


def starter(names: list[str]) -> dict[str, str]:
    """Give for each of a project's first own files: where it lies there."""
    return {name: name for name in names if _below(name, EXAMPLES)} | STARTER


def _below(name: str, places: tuple[str, ...]) -> bool:
    return any(Path(name).is_relative_to(place) for place in places)


def main() -> None:
    """Copy one of the two parts to a folder, and print the version."""
    parser = argparse.ArgumentParser(prog="python -m litemill.template")
    parser.add_argument("part", choices=("machinery", "starter"))
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    if "template/README.md" not in names:
        raise LitemillError(Path.cwd(), "no clone of Litemill", "expected one, with its template/")
    for name, place in (machinery if asked.part == "machinery" else starter)(names).items():
        target = asked.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, target)
        shutil.copymode(name, target)
    print(VERSION)


if __name__ == "__main__":
    run_and_exit(main)
