"""dvc.lock: found damaged, it is named with its cure; a build puts back what it would lose.

DVC writes dvc.lock in place. A process that is killed, or interrupted, in the middle of that leaves
half of a file, which DVC then refuses to read. Git has the last committed one, and DVC's run cache
what was built since.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TYPE_CHECKING, Any

from litemill.core.errors import LitemillError
from litemill.core.files import atomic_replace, remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = "dvc.lock"
CURE = "`git checkout dvc.lock`, then `dvc repro`, which finds what was built in its run cache"
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_KEYS = {"cmd", "deps", "outs", "params", "frozen", "desc", "meta"}


def refuse_damaged_lock(root: Path) -> None:
    """Refuse to work with a dvc.lock that is half of one, or in conflict.

    Raises:
        LitemillError: says how to get it back.
    """
    if damage := lock_damage(root):
        raise LitemillError(LOCK, f"damaged ({damage})", CURE)


def lock_damage(root: Path) -> str:
    """Return what is wrong with a project's dvc.lock; empty if it is whole, or not there."""
    import yaml

    path = root / LOCK
    if not path.exists():
        return ""
    try:
        content = path.read_bytes()
        value = yaml.load(content, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return f"line {mark.line + 1} is no YAML" if mark else "no YAML"
    except UnicodeDecodeError:
        return "no text"
    return _damage(value) if content.endswith(b"\n") else "its last line has no end"


def _damage(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("stages", {}), dict):
        return "no stages"
    if value.get("schema") != "2.0":
        return "no schema 2.0"
    wrong = (name for name, stage in value.get("stages", {}).items() if not _is_whole(stage))
    return next((f"stage {name} is not whole" for name in wrong), "")


def _is_whole(stage: Any) -> bool:
    if not isinstance(stage, dict) or not set(stage) <= _KEYS or not stage.get("cmd"):
        return False
    params = stage.get("params", {})
    if not isinstance(params, dict) or not all(isinstance(v, dict) for v in params.values()):
        return False
    return all(
        isinstance(stage.get(kind, []), list) and all(map(_is_entry, stage.get(kind, [])))
        for kind in ("deps", "outs")
    )


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return False
    return "md5" not in entry or bool(_MD5.fullmatch(str(entry["md5"])))


@contextlib.contextmanager
def shielded_lock(root: Path) -> Iterator[None]:
    """Put dvc.lock back as it was where the block, which runs DVC, leaves a damaged one.

    Raises:
        LitemillError: it is damaged before.
    """
    refuse_damaged_lock(root)
    path = root / LOCK
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    finally:
        if damage := lock_damage(root):
            _restore(path, before)
            restored = "put back as it was; the run cache has what was built since"
            print(f"{LOCK}: damaged while DVC wrote it ({damage}); {restored}", file=sys.stderr)


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        remove(path)
        return
    with atomic_replace(path) as fresh:
        fresh.write_bytes(content)
