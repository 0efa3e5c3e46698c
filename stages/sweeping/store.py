"""What was computed, by what it was computed from: one small file each, whole or not there.

A sweep that is killed has lost what was in flight; the next one finds the rest. Nothing here is an
input of anything: the folder may be deleted at any time, and costs the time to compute it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path("build/.sweep")


class Store:
    """Results by kind and key, in a folder. One process writes; others may read meanwhile."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Hold the folder, which need not be there."""
        self._folder = folder

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Give what was put, or None; a damaged file counts as missing."""
        try:
            found = json.loads(self._path(kind, key).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep a result.

        Raises:
            OSError: the disk is full, say; what was kept before is still there.
        """
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        with replacing(self._path(kind, key)) as fresh:
            fresh.write_text(text, encoding="utf-8")

    def _path(self, kind: str, key: str) -> Path:
        # A folder for each first byte: thousands of files in one are slow on some file systems.
        return self._folder / kind / key[:2] / f"{key[2:]}.json"
