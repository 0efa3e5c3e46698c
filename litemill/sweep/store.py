"""What was computed, by what it was computed from: one small file each, whole or not there.

A sweep that is killed has lost what was in flight; the next one finds the rest. The files that
points are made of are kept too, by their content, so that another way of measuring converts nothing
again; the oldest go when there are more than `BYTES`. Nothing here is an input of anything: the
folder may be deleted at any time, and costs the time to compute it again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.files import atomic_replace

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path("build/.sweep")
BYTES = 1 << 30  # that kept files may have together


class Store:
    """Results by kind and key, in a folder. One process writes; others may read meanwhile."""

    def __init__(self, folder: Path = FOLDER, limit: int = BYTES) -> None:
        """Hold the folder, which need not be there, and how many bytes of files it may have."""
        self._folder, self._limit = folder, limit
        self._sizes: dict[Path, int] | None = None  # of the files, the oldest first

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was put, or None; a damaged file counts as missing."""
        try:
            found = json.loads(self._path(kind, key, "json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep a result.

        Raises:
            OSError: the disk is full, say; what was kept before is still there.
        """
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        with atomic_replace(self._path(kind, key, "json")) as fresh:
            fresh.write_text(text, encoding="utf-8")

    def content(self, digest: str) -> bytes | None:
        """Return the bytes of a file by their SHA-256, or None; a damaged file is removed."""
        path = self._path("content", digest, "tflite")
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(found).hexdigest() == digest:
            return found
        path.unlink()
        self._kept().pop(path, None)
        return None

    def keep(self, digest: str, content: bytes) -> None:
        """Keep the bytes of a file, if there is room when older ones go.

        Raises:
            OSError: the disk is full, say; what was kept before is still there.
        """
        path = self._path("content", digest, "tflite")
        sizes = self._kept()
        if path.exists() or len(content) > self._limit:
            return
        sizes.pop(path, None)  # someone removed it
        room = self._limit - len(content) - sum(sizes.values())
        while room < 0:
            oldest = next(iter(sizes))
            room += sizes.pop(oldest)
            oldest.unlink(missing_ok=True)
        with atomic_replace(path) as fresh:
            fresh.write_bytes(content)
        sizes[path] = len(content)

    def _kept(self) -> dict[Path, int]:
        if self._sizes is None:
            found = [(path, path.stat()) for path in (self._folder / "content").rglob("*.tflite")]
            found.sort(key=lambda one: (one[1].st_mtime_ns, one[0]))
            self._sizes = {path: stat.st_size for path, stat in found}
        return self._sizes

    def _path(self, kind: str, key: str, ending: str) -> Path:
        # A folder for each first byte: thousands of files in one are slow on some file systems.
        return self._folder / kind / key[:2] / f"{key[2:]}.{ending}"
