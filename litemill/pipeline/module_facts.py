"""What was found in source files, kept between builds: most modules are those of the last one.

Parsing and digesting some 200 modules is most of what configure does. A source file is known by the
digest of its content, so that moving, touching or switching branches costs nothing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config import import_graph
from litemill.core.files import sha256, write_text
from litemill.pipeline import syntax_digest

if TYPE_CHECKING:
    from collections.abc import Callable

# Beside the digests of data files, where DVC keeps its own.
CACHE = ".dvc/tmp/litemill/modules.json"


class ModuleFacts:
    """Lists of text that follow from the content of source files."""

    def __init__(self, root: Path) -> None:
        """Read what the last build found with the same code, if there is any."""
        self._cache = root / CACHE
        self._method = _method()
        self._contents: dict[Path, str] = {}
        self._known = _read(self._cache, self._method)
        self._used: dict[str, list[str]] = {}

    def remember(self, subject: str, file: Path, compute: Callable[[], list[str]]) -> list[str]:
        """Return what `compute` returns for a subject and a source file, computed once.

        Raises:
            ConfigError: `compute` found that the file is not Python.
        """
        if file not in self._contents:
            self._contents[file] = sha256(file)
        key = f"{subject} {self._contents[file]}"
        if key not in self._used:
            known = self._known.get(key)
            self._used[key] = known if known is not None else compute()
        return self._used[key]

    def save(self) -> None:
        """Keep what was found for the next build."""
        if self._used != self._known and self._cache.parents[2].is_dir():
            write_text(self._cache, json.dumps({"method": self._method, "modules": self._used}))


def _method() -> str:
    """Digest the code that finds the facts: another version may find others."""
    files = (import_graph.__file__, syntax_digest.__file__, __file__)
    return hashlib.sha256("".join(sha256(Path(file)) for file in files).encode()).hexdigest()


def _read(cache: Path, method: str) -> dict[str, list[str]]:
    try:
        stored = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(stored, dict) or stored.get("method") != method:
        return {}
    modules = stored.get("modules")
    return modules if isinstance(modules, dict) else {}
