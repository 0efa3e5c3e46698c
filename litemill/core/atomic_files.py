"""Files and folders that are replaced as a whole, whatever is in them.

No stage depends on this code: it decides when an output is there, and nothing of what is in it.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from litemill.core import exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def atomic_replace(target: Path) -> Iterator[Path]:
    """Yield a new path beside `target`, which replaces it in one step when the block succeeds.

    The block creates a file or a directory at that path. When it fails, `target` stays as it was.
    A process that is killed leaves what was there before, or what the block wrote.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    exchange.restore(target)
    for leftover in (exchange.aside_path(target), fresh):
        remove(leftover)
    try:
        yield fresh
        if fresh.is_dir() or target.is_dir():
            exchange.replace_folder(fresh, target)
        else:
            fresh.replace(target)
    finally:
        remove(fresh)


def remove(path: Path) -> None:
    """Remove a file, link or directory tree, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
