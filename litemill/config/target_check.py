"""A `_target_` found without running it; `instantiate` calls it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from litemill.config.import_graph import PACKAGE, is_litemill, is_own, module_file, parse_module
from litemill.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def check_target(target: object, place: object, root: Path) -> None:
    """Refuse a `_target_` that cannot be imported, without importing anything.

    Importing a model's module imports TensorFlow, which configure cannot afford. So modules are
    found but not run, and a name is looked up in the source's syntax tree. Other packages only have
    to be installed: what they offer may be made at run time.

    Raises:
        ConfigError: there is no such module, or no such name in it.
    """
    if not isinstance(target, str) or "." not in target:
        raise ConfigError(place, f"{target!r}", "expected a dotted name such as models.mine.build")
    file = module_file(target, root)
    if file is None:
        raise ConfigError(place, f"{target}: no module of that name", _near_module(target, root))
    if not (is_own(file, root) or is_litemill(file)) or file.suffix != ".py":
        return
    name = target.rpartition(".")[2]
    statements = list(_statements(parse_module(file, root).body))
    names = {known for node in statements for known in _names(node)}
    if name not in names and "*" not in names:
        defined = [node.name for node in statements if isinstance(node, _DEFINITIONS)]
        public = (known for known in defined or names if not known.startswith("_"))
        home = root if file.is_relative_to(root) else PACKAGE.parent
        where = file.relative_to(home).as_posix()
        raise ConfigError(place, f"{target}: no {name!r} in {where}", nearest(name, public))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield a module's own statements: those below `if` and `try` too, those in functions not."""
    for node in body:
        yield node
        if not isinstance(node, _DEFINITIONS):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, _DEFINITIONS):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (name.id for name in node.targets if isinstance(name, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)


def _near_module(target: str, root: Path) -> str:
    top, _, rest = target.partition(".")
    folder = root / top
    if folder.is_dir():
        known = [entry.stem for entry in folder.iterdir() if not entry.name.startswith(("_", "."))]
        return nearest(rest.partition(".")[0], known)
    return f"expected a module in this project or an installed package; no {top!r} in either"
