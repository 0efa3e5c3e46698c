"""A project's own checks: public functions of the modules in its checks/ folder.

They are found by their arguments, as those of `litemill.evaluation.checks` are. configure only
reads the source, so that a check may import what configure cannot afford.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import parse_module
from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

FOLDER = "checks"
WITH_LIMIT = ("measured", "limit")
ALWAYS_ON = ("measured",)
Arguments = tuple[str, ...]


def own_modules(project: Path) -> list[str]:
    """List the modules that may hold checks, by dotted name, such as checks.size."""
    files = sorted((project / FOLDER).glob("*.py"))
    return [f"{FOLDER}.{file.stem}" for file in files if file.stem.isidentifier()]


def own_check_names(project: Path, taken: Collection[str]) -> dict[Arguments, list[str]]:
    """List the checks of a project by the arguments that they take; nothing is imported.

    Args:
        project: its folder.
        taken: names that a check cannot have.

    Raises:
        ConfigError: a name is taken, or two checks have the same, or a module is not Python.
    """
    names: dict[Arguments, list[str]] = {WITH_LIMIT: [], ALWAYS_ON: []}
    for _, name, arguments in _find(project, taken):
        names[arguments].append(name)
    return names


def load_own_checks(
    project: Path, taken: Collection[str]
) -> dict[Arguments, dict[str, Callable[..., Any]]]:
    """Import the checks of a project, by the arguments that they take and their name.

    Raises:
        ConfigError: as for `own_check_names`.
    """
    checks: dict[Arguments, dict[str, Callable[..., Any]]] = {WITH_LIMIT: {}, ALWAYS_ON: {}}
    for module, name, arguments in _find(project, taken):
        if str(project.resolve()) not in sys.path:
            sys.path.insert(0, str(project.resolve()))
        checks[arguments][name] = getattr(import_module(module), name)
    return checks


def _find(project: Path, taken: Collection[str]) -> Iterator[tuple[str, str, Arguments]]:
    seen: dict[str, str] = {}
    for module in own_modules(project):
        file = project / FOLDER / f"{module.removeprefix(f'{FOLDER}.')}.py"
        for node in parse_module(file, project).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            arguments = tuple(argument.arg for argument in node.args.args)
            if arguments not in (WITH_LIMIT, ALWAYS_ON):
                continue
            place = f"{FOLDER}/{file.name}:{node.lineno}"
            if node.name in taken or node.name in seen:
                owner = seen.get(node.name, "Litemill")
                message = f"the check {node.name!r} is {owner}'s already"
                raise ConfigError(place, message, "expected another name")
            seen[node.name] = f"{FOLDER}/{file.name}"
            yield module, node.name, arguments
