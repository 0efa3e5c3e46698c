"""Replace a folder in one step, so that a crash leaves the old one or the new one.

rename(2) replaces a file in one step, but no folder that has something in it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2  # linux/fs.h


def replace_folder(fresh: Path, target: Path) -> None:
    """Put `fresh` in the place of `target`, one of which is a folder.

    What was at `target` is at `fresh` or gone afterwards. Where the system cannot exchange two
    names, `target` is missing for a moment; `restore` brings it back after a crash there.
    """
    if not os.path.lexists(target):
        fresh.rename(target)
    elif not exchange(fresh, target):
        aside = aside_path(target)
        target.rename(aside)
        try:
            fresh.rename(target)
        except OSError:
            aside.rename(target)
            raise
        aside.rename(fresh)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step, or return False where the system has no such call.

    Raises:
        OSError: the call is there and failed.
    """
    if sys.platform != "linux":
        return False
    import ctypes
    import errno

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL):  # an old kernel, or a file system without it
        return False
    raise OSError(code, os.strerror(code), str(other))


def restore(target: Path) -> None:
    """Bring back what a crash in `replace_folder` left aside, if anything."""
    aside = aside_path(target)
    if os.path.lexists(aside) and not os.path.lexists(target):
        aside.rename(target)


def aside_path(target: Path) -> Path:
    """Return where `target` lies for a moment where names cannot be exchanged."""
    return target.with_name(f".{target.name}.old")
