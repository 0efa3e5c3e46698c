"""What a failed stage leaves: nothing, and a line that says how to get the last build's files back.

DVC removes the outputs of a stage before it runs. A file that the failed stage left in their place
would be in no lock, and `dvc checkout` refuses to replace such files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from litemill.core.files import remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN_BY_DVC = "DVC_STAGE"  # DVC names the stage that it runs: convert@int8


def clean_up(root: Path) -> str:
    """Remove what the failed stage wrote, if DVC ran it, and return what to tell the user.

    Returns:
        How to restore the outputs of the last build; empty if there are none.
    """
    name = os.environ.get(RUN_BY_DVC, "").rpartition(":")[2]
    outputs = list(removed_outputs(root, name)) if name else []
    for output in outputs:
        remove(root / output)
    if not outputs or not _is_locked(root, name):
        return ""
    return f"{name}: no outputs written; `dvc checkout` restores those of the last build"


def removed_outputs(root: Path, name: str) -> Iterator[str]:
    """Yield the outputs of a stage of dvc.yaml that DVC removes before it runs the stage."""
    import yaml

    stage, _, item = name.partition("@")
    definition = yaml.load((root / "dvc.yaml").read_bytes(), yaml.CSafeLoader)["stages"][stage]
    for kind in ("outs", "metrics", "plots"):
        for entry in definition.get(kind, ()):
            path, options = _path_and_options(entry)
            if not options.get("persist"):
                yield _filled(path, definition, item)


def _path_and_options(entry: Any) -> tuple[str, dict[str, Any]]:
    return (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))


def _filled(path: str, definition: dict[str, Any], item: str) -> str:
    for axis in definition.get("matrix", ()):  # each stage has one at most
        path = path.replace(f"${{item.{axis}}}", item)
    return path


def _is_locked(root: Path, name: str) -> bool:
    lock = root / "dvc.lock"
    return lock.exists() and f"\n  {name}:\n" in lock.read_text(encoding="utf-8", errors="replace")
