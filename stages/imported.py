"""What code a stage runs: digests of the modules that it imports, however deep.

DVC would take each of them as a dependency of its own, some twenty for every stage and variant. It
reads and writes all of dvc.lock after each stage, and most of dvc.lock would be these. So configure
depends on all of them, once, and digests them; a stage depends on its own module, and on the digest
of what that imports like on any other parameter.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from stages.files import sha256
from stages.targets import closure

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
    """Give the digest of what each stage imports: SHA-256 of names and contents.

    Raises:
        ConfigError: one of them is no Python.
    """
    known: dict[Path, set[Path]] = {}
    return {stage: _digest(modules(stage, root, known), root) for stage in STAGES}


def modules(stage: str, root: Path, known: dict[Path, set[Path]] | None = None) -> list[Path]:
    """List the modules that a stage imports, sorted, but for those that dvc.yaml names itself."""
    own, *more = (root / "stages" / f"{name}.py" for name in (stage, *STAGES[stage]))
    found = {file for start in (own, *more) for file in closure(start, root, known)} - {own}
    return sorted(file for file in found if file.relative_to(root).parts[0] not in WATCHED)


def _digest(files: list[Path], root: Path) -> str:
    lines = [f"{file.relative_to(root).as_posix()} {sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
