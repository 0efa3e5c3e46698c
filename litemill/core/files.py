"""Files that are either whole or not there, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from litemill.core.atomic_files import atomic_replace as atomic_replace  # noqa: PLC0414  # for others
from litemill.core.atomic_files import remove as remove  # noqa: PLC0414
from litemill.core.errors import LitemillError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, its line ends as they are, atomically."""
    with atomic_replace(path) as fresh:
        fresh.write_bytes(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON: sorted keys, two spaces, no NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        LitemillError: the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LitemillError(path, "no such file", "run `dvc repro` first") from None
    except ValueError as error:
        raise LitemillError(path, f"not JSON ({error})", "rebuild it with `dvc repro`") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_sha256(value: Any) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys and without spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tree_sha256(path: Path) -> str:
    """Return one SHA-256 for a file, or for a directory's relative names and contents in order."""
    if path.is_file():
        return sha256(path)
    digest = hashlib.sha256()
    for name in sorted(tree_files(path)):
        digest.update(f"{name}\0{sha256(path / name)}\n".encode())
    return digest.hexdigest()


def tree_files(path: Path) -> list[str]:
    """List the files below a directory, as sorted POSIX-style relative names."""
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name != "__pycache__"]
        files += [(Path(folder) / name).relative_to(path).as_posix() for name in names]
    return sorted(files)


def keep_only(directory: Path, names: set[str]) -> None:
    """Remove what earlier builds left in `directory` under names that are no longer built.

    DVC never removes the artifacts of a variant that left the list, but counts them in a directory
    dependency.
    """
    for entry in directory.iterdir() if directory.is_dir() else ():
        if entry.name not in names:
            remove(entry)
