"""The archive of a release: one way to write given files, whoever writes them, where and when.

A gzip stream without a name or a time, around a POSIX ustar archive of plain files below one
folder: names in byte order, owner and group 0, mode 0644, one time for all.
"""

from __future__ import annotations

import os
import struct
import tarfile
import zlib
from typing import TYPE_CHECKING

from litemill.core.errors import ReleaseError
from litemill.release.deflate import deflate_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Magic, deflate, no optional fields, no time, no hint at the level, unknown operating system.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
SUFFIX = ".tar.gz"
CHUNK = 1 << 20
LARGEST_TIME = 8**11 - 1  # what the field of a tar header holds


def source_date_epoch() -> int:
    """Give the time of every file in an archive: SOURCE_DATE_EPOCH, or 0.

    Raises:
        ReleaseError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    told = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if not (told.isascii() and told.isdigit() and int(told) <= LARGEST_TIME):
        raise ReleaseError("SOURCE_DATE_EPOCH", repr(told), "expected seconds since 1970")
    return int(told)


def archive_parts(folder: Path, names: Iterable[str], *, top: str, time: int) -> Iterator[bytes]:
    """Give the archive's bytes in parts.

    Args:
        folder: where the files are.
        names: of the files, relative to `folder`.
        top: the folder that they are below in the archive.
        time: their modification time, seconds since 1970.
    """
    yield GZIP_HEADER
    checksum, size = 0, 0

    def counted() -> Iterator[bytes]:
        nonlocal checksum, size
        for part in _tar(folder, names, top, time):
            checksum, size = zlib.crc32(part, checksum), size + len(part)
            yield part

    yield from deflate_stream(counted())
    yield struct.pack("<II", checksum, size & 0xFFFFFFFF)


def _tar(folder: Path, names: Iterable[str], top: str, time: int) -> Iterator[bytes]:
    for name in sorted(names, key=str.encode):
        path = folder / name
        size = path.stat().st_size
        yield header(f"{top}/{name}", size, time)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
        yield b"\0" * (-size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def header(name: str, size: int, time: int) -> bytes:
    """Give the header block of a file.

    Raises:
        ReleaseError: the name or the size does not fit.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, time, 0o644
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError as error:
        raise ReleaseError(name, f"does not fit into an archive ({error})") from None
