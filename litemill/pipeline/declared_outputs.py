"""A stage is done when it has written all that dvc.yaml declares for it, and only then exits 0."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import LitemillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def declared_outputs(stage: str, arguments: list[str], root: Path = Path()) -> list[Path]:
    """List the outputs that dvc.yaml declares for a stage, or nothing where it has no such stage.

    Args:
        stage: its name in dvc.yaml.
        arguments: the words of its command line: of a matrix, the item.
        root: the project.
    """
    import yaml

    file = root / "dvc.yaml"
    stages = (yaml.load(file.read_bytes(), yaml.CSafeLoader) or {}) if file.is_file() else {}
    declared = (stages.get("stages") or {}).get(stage) or {}
    declared = declared.get("do", declared)  # of a foreach
    names = (_ITEM.sub("".join(arguments[:1]), name) for name in _paths(declared))
    return [root / name for name in names if "${" not in name]


def _paths(declared: dict[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        for entry in declared.get(kind) or []:
            yield from entry if isinstance(entry, dict) else [entry]
