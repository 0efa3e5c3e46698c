"""The archive of a release: a plain tar file whose bytes follow from the files and a time.

POSIX ustar, regular files below one folder: names in byte order, owner and group 0, mode 0644, one
modification time for all. Python's tarfile writes the same bytes on every version. There is no
compression, whose bytes would depend on the installed zlib.
"""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

from litemill.core.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SUFFIX = ".tar"
LARGEST_TIME = 8**11 - 1  # what the field of a tar header holds


def source_date_epoch(commit_time: int) -> int:
    """Return the time of every file in an archive: SOURCE_DATE_EPOCH, or that of the commit.

    Raises:
        ReleaseError: SOURCE_DATE_EPOCH is not a number of seconds.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH") or str(commit_time)
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_TIME):
        raise ReleaseError("SOURCE_DATE_EPOCH", repr(text), "expected seconds since 1970")
    return int(text)


def write_archive(target: Path, folder: Path, names: Iterable[str], *, top: str, time: int) -> None:
    """Write some files of a folder into an archive.

    Args:
        target: the archive, which does not exist yet.
        folder: where the files are.
        names: of the files, relative to `folder`.
        top: the folder that they are below in the archive.
        time: their modification time, seconds since 1970.

    Raises:
        ReleaseError: a name or a size does not fit into a tar header.
    """
    with tarfile.open(
        target, "x", format=tarfile.USTAR_FORMAT, encoding="utf-8", errors="strict"
    ) as tar:
        for name in sorted(names, key=str.encode):
            path = folder / name
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size, info.mtime, info.mode = path.stat().st_size, time, 0o644
            with path.open("rb") as file:
                try:
                    tar.addfile(info, file)
                except ValueError as error:
                    raise ReleaseError(name, f"does not fit into an archive ({error})") from None
