"""Which processes of a build imported TensorFlow, as they tell it themselves.

Not a test: a module that every Python started with these variables runs first. Python tells its
audit hooks of all code that it executes, and the first of a package is its `__init__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOOK = """\
import os, sys
def told(event, arguments):
    if event == "exec":
        file = getattr(arguments[0], "co_filename", "")
        if file.endswith("-packages/tensorflow/__init__.py"):
            with open({log!r}, "a") as log:
                print(os.getpid(), *" ".join(sys.orig_argv).split(), file=log)
sys.addaudithook(told)
"""


def recorded(folder: Path) -> dict[str, str]:
    """Return the variables that let each process write a line when it imports TensorFlow."""
    folder.mkdir()
    log = folder / "imports.txt"
    log.touch()
    (folder / "sitecustomize.py").write_text(HOOK.format(log=str(log)))
    return {"PYTHONPATH": str(folder)}


def found(folder: Path) -> list[str]:
    """Return these lines: the process id and the command."""
    return (folder / "imports.txt").read_text().splitlines()
