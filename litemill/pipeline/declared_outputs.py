"""What dvc.yaml declares that a stage writes: all of it, or nothing where the stage fails.

DVC removes the outputs of a stage before it runs. A file that a failed stage left in their place
would be in no lock, and `dvc checkout` refuses to replace such files.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import LitemillError
from litemill.core.files import remove

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_BY_DVC = "DVC_STAGE"  # DVC names the stage that it runs: convert@int8
_ITEM = re.compile(r"\$\{item(\.\w+)?\}")  # of a matrix or a foreach


def run_to_completion(stage: str, main: Callable[..., None], arguments: list[str]) -> None:
    """Call a stage's function, and refuse an end that is not its own.

    Code of a project that the stage calls (a loader, a model, a metric) may end the process by
    `sys.exit(0)`: that is no end of a stage.

    Raises:
        LitemillError: the stage was ended from within, or did not write what it declares.
    """
    try:
        main(*arguments)
    except SystemExit as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        found = f"ended by sys.exit({error.code!r}) in {where.filename}:{where.lineno}"
        raise LitemillError(f"stage {stage}", found, "expected an exception or a result") from None
    check_outputs(stage, arguments)


def check_outputs(stage: str, arguments: list[str], root: Path = Path()) -> None:
    """Refuse a stage that left out an output.

    Raises:
        LitemillError: files or folders that dvc.yaml declares are missing; names all.
    """
    missing = [path for path in declared_outputs(stage, arguments, root) if not path.exists()]
    if missing:
        names = ", ".join(str(path) for path in missing)
        raise LitemillError(f"stage {stage}", f"did not write {names}", "dvc.yaml declares them")


def clean_up(root: Path) -> str:
    """Remove what the failed stage wrote, if DVC ran it, and return what to tell the user.

    Returns:
        How to restore the outputs of the last build; empty if there are none.
    """
    name = os.environ.get(RUN_BY_DVC, "").rpartition(":")[2]
    stage, _, item = name.partition("@")
    outputs = declared_outputs(stage, [item], root, removed=True)
    for output in outputs:
        remove(output)
    lock = root / "dvc.lock"
    if not outputs or not lock.exists() or f"\n  {name}:\n".encode() not in lock.read_bytes():
        return ""
    return f"{name}: no outputs written; `dvc checkout` restores those of the last build"


def declared_outputs(
    stage: str, arguments: list[str], root: Path = Path(), *, removed: bool = False
) -> list[Path]:
    """List the outputs that dvc.yaml declares for a stage, or nothing where it has no such stage.

    Args:
        stage: its name in dvc.yaml.
        arguments: the words of its command line: of a matrix, the item.
        root: the project.
        removed: only those that DVC removes before it runs the stage.
    """
    import yaml

    file = root / "dvc.yaml"
    stages = (yaml.load(file.read_bytes(), yaml.CSafeLoader) or {}) if file.is_file() else {}
    declared = (stages.get("stages") or {}).get(stage) or {}
    declared = declared.get("do", declared)  # of a foreach
    names = []
    for entry in [one for kind in ("outs", "metrics", "plots") for one in declared.get(kind) or []]:
        options = entry if isinstance(entry, dict) else {entry: {}}
        names += [name for name, of in options.items() if not (removed and of.get("persist"))]
    filled = (_ITEM.sub("".join(arguments[:1]), name) for name in names)
    return [root / name for name in filled if "${" not in name]
