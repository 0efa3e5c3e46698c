"""What code and files each stage runs on: the digests in build/code.json, on which stages depend.

DVC would take each module as a dependency of its own, some forty for every stage and variant, and
would rerun a stage for a comment. So configure depends on the folders, and digests what they mean:
the parsed code of every module that a stage reaches by imports or by a `_target_` of the
configuration, in the project and in the installed package. Comments, docstrings, type annotations
for checkers and layout do not count, and neither does what only starts a stage.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.config import import_graph
from litemill.core.files import sha256, tree_files
from litemill.pipeline.stage_table import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# What starts a stage, and reaches nothing that it writes.
LAUNCHERS = (
    "litemill.cli",
    "litemill.core.exit_status",
    "litemill.pipeline",
    "litemill.runtime.worker_",
)
# Fields of syntax nodes that mean nothing, or that only some versions of Python have.
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Reached:
    """What the configuration adds to a stage.

    Attributes:
        targets: dotted names that it calls, such as models.mine.build.
        paths: files and folders that it reads, relative to the project.
    """

    targets: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def digests(root: Path, reached: Mapping[str, Reached]) -> dict[str, dict[str, str]]:
    """Return for each stage after configure the digest of its code and, if any, of its files.

    Args:
        root: the project.
        reached: by stage, what the configuration adds.

    Raises:
        ConfigError: a module is not Python.
    """
    graph = import_graph.Graph(root, skip=is_launcher)
    parsed: dict[Path, str] = {}
    found = {}
    for stage in STAGES:
        if stage == "configure":
            continue
        more = reached.get(stage, Reached())
        found[stage] = {"code": _digest(modules(stage, root, more.targets, graph), graph, parsed)}
        if more.paths:
            found[stage]["files"] = _files_digest(root, more.paths)
    return found


def of_module(name: str) -> str:
    """Return the digest of the code that a module of Litemill runs, such as litemill.sweep.job."""
    graph = import_graph.Graph(import_graph.PACKAGE.parent, skip=is_launcher)
    start = import_graph.PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")
    files = {graph.name(file): file for file in graph.closure(start)}
    return _digest(dict(sorted(files.items())), graph, {})


def modules(
    stage: str, root: Path, targets: Iterable[str], graph: import_graph.Graph | None = None
) -> dict[str, Path]:
    """Return the modules that a stage runs, by dotted name, sorted."""
    graph = graph or import_graph.Graph(root, skip=is_launcher)
    starts = [root / "stages" / f"{stage}.py"]
    starts += [file for name in targets if (file := import_graph.module_file(name, root))]
    found = {graph.name(file): file for start in starts for file in graph.closure(start)}
    return dict(sorted(found.items()))


def is_launcher(module: str) -> bool:
    """Tell whether a module only starts stages."""
    return module.startswith(LAUNCHERS)


def _digest(modules: Mapping[str, Path], graph: import_graph.Graph, parsed: dict[Path, str]) -> str:
    lines = []
    for name, file in modules.items():
        if file not in parsed:
            parsed[file] = syntax_digest(graph.tree(file))
        lines.append(f"{name} {parsed[file]}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def syntax_digest(tree: ast.AST) -> str:
    """Return the SHA-256 of what a module does, the same under every version of Python."""
    digest = hashlib.sha256()
    for part in _meaning(tree):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def _meaning(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        yield "["
        for one in node:
            if not _is_for_checkers(one):
                yield from _meaning(one)
        yield "]"
    elif isinstance(node, ast.JoinedStr):
        yield "(JoinedStr"
        yield from _meaning(_merged(node.values))
        yield ")"
    elif isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if name in _IGNORED or (name == "type_params" and not value):
                continue
            yield name
            has_docstring = name == "body" and isinstance(node, _WITH_DOCSTRING)
            yield from _meaning(_without_docstring(value) if has_docstring else value)
        yield ")"
    else:
        yield f"{type(node).__name__} {node!r}"


def _merged(values: list[ast.expr]) -> list[Any]:
    """Join the texts of an f-string that lie side by side: Python 3.12 cuts them otherwise."""
    found: list[Any] = []
    for value in values:
        if not isinstance(value, ast.Constant):
            found.append(value)
        elif found and isinstance(found[-1], str):
            found[-1] += value.value
        elif value.value:
            found.append(value.value)
    return found


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body


def _is_for_checkers(node: Any) -> bool:
    return isinstance(node, ast.stmt) and import_graph.is_type_checking(node)


def _files_digest(root: Path, paths: Iterable[str]) -> str:
    """Digest names and contents of data; code among them is the concern of the code's digest."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        here = root / path
        names = tree_files(here) if here.is_dir() else [""]
        for name in names:
            file = here / name if name else here
            if file.suffix not in (".py", ".dvc") and file.name != ".gitignore" and file.is_file():
                digest.update(f"{path}/{name}\0{sha256(file)}\n".encode())
    return digest.hexdigest()
