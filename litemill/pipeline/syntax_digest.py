"""The digest of what a Python module does: of its syntax tree, not of its text.

Comments, docstrings, layout and imports for type checkers do not count, and Python 3.11, 3.12 and
3.13 give the same digest: dvc.lock holds it.
"""

from __future__ import annotations

import ast
import hashlib
from typing import TYPE_CHECKING, Any

from litemill.config import import_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields of syntax nodes without a meaning, or that only some versions of Python have.
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def syntax_digest(tree: ast.AST) -> str:
    """Compute the SHA-256 of what a module does, the same under every version of Python."""
    digest = hashlib.sha256()
    for part in _meaning(tree):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def _meaning(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        yield "["
        for item in node:
            if not _is_for_checkers(item):
                yield from _meaning(item)
        yield "]"
    elif isinstance(node, ast.JoinedStr):
        yield "(JoinedStr"
        yield from _meaning(_merge_text(node.values))
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
        # ASCII: which characters are printable is another question in each version of Python.
        yield f"{type(node).__name__} {node!a}"


def _merge_text(values: list[ast.expr]) -> list[Any]:
    """Join neighbouring text of an f-string: Python 3.12 divides it otherwise."""
    merged: list[Any] = []
    for value in values:
        if not isinstance(value, ast.Constant):
            merged.append(value)
            continue
        text = str(value.value)
        if merged and isinstance(merged[-1], str):
            merged[-1] += text
        elif text:
            merged.append(text)
    return merged


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body


def _is_for_checkers(node: Any) -> bool:
    return isinstance(node, ast.stmt) and import_graph.is_type_checking(node)
