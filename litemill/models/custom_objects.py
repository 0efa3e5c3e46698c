"""Modules whose layers and functions a Keras file needs: imported, and copied beside the model."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import closure, module_file
from litemill.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable


def import_custom_objects(modules: Iterable[str]) -> dict[str, Any]:
    """Import modules and return the classes and functions that they define, by name.

    Raises:
        ModelError: a module cannot be imported.
    """
    objects: dict[str, Any] = {}
    for dotted in modules:
        try:
            module = importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            message = f"{dotted}: {error}"
            raise ModelError("custom_objects", message, "expected a module to import") from None
        objects |= {
            key: value
            for key, value in vars(module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module.__name__
        }
    return objects


def copy_code(module: str, folder: Path) -> None:
    """Copy the project's own files that a module is made of: later stages load these."""
    root = Path.cwd()
    file = module_file(module, root)
    for source in closure(file, root) if file else ():
        for path in (source, *(parent / "__init__.py" for parent in source.parents)):
            if path.is_file() and path.is_relative_to(root):
                target = folder / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def make_importable(folder: Path) -> None:
    """Put a folder of copied code before all others that modules are imported from."""
    path = str(folder.resolve())
    if folder.is_dir() and path not in sys.path:
        sys.path.insert(0, path)
