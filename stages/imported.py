"""What code a stage runs: digests of its module and of those that it imports, however deep.

DVC would take each of them as a dependency of its own, some twenty for every stage and variant. It
reads and writes all of dvc.lock after each stage, and most of dvc.lock would be these. So configure
depends on stages/ as a whole, and digests them; a stage depends on its digest like on any other
parameter.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from stages.files import sha256
from stages.targets import closure, walk

if TYPE_CHECKING:
    from pathlib import Path

# The stages of dvc.yaml after configure, and what they reach by a `_target_` in conf/, which no
# import tells.
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("loaders",),
    "train": (),
    "export": (),
    "convert": (),
    "validate": (),
    "report": (),
    "gate": (),
    "package": (),
    "sweep": (),
}
# Folders that dvc.yaml names as dependencies of the stages that need them.
WATCHED = ("data", "metrics", "models")


def digests(root: Path) -> dict[str, str]:
    """Give the digest of what each stage runs: SHA-256 of names and contents.

    Raises:
        ConfigError: one of them is no Python.
    """
    known: dict[Path, set[Path]] = {}
    return {stage: _digest(modules(stage, root, known), root) for stage in STAGES}


def modules(stage: str, root: Path, known: dict[Path, set[Path]] | None = None) -> list[Path]:
    """List the modules that a stage runs, sorted, but for those that dvc.yaml names itself."""
    found = {file for start in _starts(stage, root) for file in closure(start, root, known)}
    return sorted(file for file in found if not _listed(file, root))


def among(files: set[Path], stage: str, root: Path) -> set[Path]:
    """Give those of `files` that are `modules` of a stage; looks no further than it has to.

    Raises:
        ConfigError: a module is no Python.
    """
    found: set[Path] = set()
    files = {file for file in files if file.is_relative_to(root) and not _listed(file, root)}
    steps = (file for start in _starts(stage, root) for file in walk(start, root))
    while found != files and (file := next(steps, None)):
        found |= {file} & files
    return found


def _listed(file: Path, root: Path) -> bool:
    return file.relative_to(root).parts[0] in WATCHED


def _starts(stage: str, root: Path) -> list[Path]:
    return [root / "stages" / f"{name}.py" for name in (stage, "__main__", *STAGES[stage])]


def _digest(files: list[Path], root: Path) -> str:
    lines = [f"{file.relative_to(root).as_posix()} {sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
