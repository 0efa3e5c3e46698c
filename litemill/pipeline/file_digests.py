"""Digests of data files, kept between builds: a data set of many gigabytes is read once.

A file counts as unchanged while its size, time of change and inode are the same, as for Git and
DVC.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from litemill.core.files import sha256, tree_files, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHE = ".dvc/tmp/litemill/digests.json"
# Nanoseconds in which a file may change again without another time of change.
RACY = 2_000_000_000


class FileDigests:
    """The digests of a project's files."""

    def __init__(self, root: Path) -> None:
        """Read the digests of the last build, if there are any."""
        self._root, self._cache = root, root / CACHE
        self._known: dict[str, list[object]] = _read(self._cache)
        self._used: dict[str, list[object]] = {}

    def data(self, paths: list[str]) -> Iterator[str]:
        """Yield a line for each file at or below paths: its name and digest.

        Code is left out: its syntax is digested. So is what Git and DVC keep beside data.
        """
        for path in sorted(set(paths)):
            here = self._root / path
            for name in tree_files(here) if here.is_dir() else [""]:
                file = here / name if name else here
                if file.suffix not in (".py", ".dvc") and file.name != ".gitignore":
                    yield from self._line(f"{path}/{name}", file)

    def _line(self, name: str, file: Path) -> Iterator[str]:
        if file.is_file():
            yield f"{name}\0{self._sha256(file)}\n"

    def _sha256(self, file: Path) -> str:
        status = file.stat()
        state = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._known.get(str(file))
        digest = str(known[-1]) if known and known[:-1] == state else sha256(file)
        if time.time_ns() - status.st_mtime_ns > RACY:
            self._used[str(file)] = [*state, digest]
        return digest

    def save(self) -> None:
        """Keep the digests for the next build, where DVC keeps its own."""
        if self._used != self._known and (self._root / ".dvc").is_dir():
            write_text(self._cache, json.dumps(self._used))


def _read(cache: Path) -> dict[str, list[object]]:
    try:
        known = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
