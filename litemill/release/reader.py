"""Reading an archive that may be anything: nothing is believed, nothing written outside a folder.

The archive has to be, bit for bit, the one that `litemill.release.archive` writes of the files in it. So a
flipped bit is found even where other programs would not look, such as in the padding.
"""

from __future__ import annotations

import struct
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from litemill.core.errors import ReleaseError
from litemill.release.archive import CHUNK, GZIP_HEADER, archive_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 16 << 30  # bytes, unpacked
MOST = 10_000  # files
DEEPEST = 10  # folders
LONGEST = 255  # characters of a name
# A byte takes at least one bit here; what unpacks to more was not written by a release.
RATIO = 8
BLOCK = tarfile.BLOCKSIZE
KINDS = {
    tarfile.LNKTYPE: "a link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "an entry for a folder",
}


@dataclass(frozen=True)
class Unpacked:
    """An archive's files in a folder.

    Attributes:
        folder: where they are now.
        top: the folder that they were below in the archive.
        names: of the files, relative to it.
        time: modification time of all, seconds since 1970.
    """

    folder: Path
    top: str
    names: tuple[str, ...]
    time: int


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    start: int
    time: int


def unpack(archive: Path, scratch: Path) -> Unpacked:
    """Unpack an archive below the folder `scratch`, which exists and is empty.

    Raises:
        ReleaseError: truncated, damaged, or not as a release is written; one line says where.
    """
    tar = scratch / "archive.tar"
    try:
        with archive.open("rb") as source, tar.open("wb") as target:
            _decompress(source, target, archive)
    except FileNotFoundError:
        raise ReleaseError(archive, "no such file", "expected a release's .tar.gz") from None
    except IsADirectoryError:
        raise ReleaseError(archive, "a directory", "expected a release's .tar.gz") from None
    with tar.open("rb") as file:
        entries = list(_entries(file, archive))
        top = _top(entries, archive)
        folder = scratch / "files"
        for entry in entries:
            _extract(file, entry, folder / entry.name.partition("/")[2])
    tar.unlink()
    names = tuple(entry.name.partition("/")[2] for entry in entries)
    found = Unpacked(folder, top, names, entries[0].time)
    _refuse_other_bytes(archive, found)
    return found


def _decompress(source: BinaryIO, target: BinaryIO, place: Path) -> None:
    if (found := source.read(len(GZIP_HEADER))) != GZIP_HEADER:
        told = "empty file" if not found else "does not begin as a release does"
        raise ReleaseError(place, told, "expected a .tar.gz of `litemill release`")
    limit = min(LARGEST, RATIO * place.stat().st_size)
    inflate, checksum, size = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0
    while not inflate.eof:
        given = inflate.unconsumed_tail or source.read(CHUNK)
        try:
            part = inflate.decompress(given, CHUNK)
        except zlib.error as error:
            raise ReleaseError(place, f"damaged ({error})") from None
        if not given and not part:
            raise ReleaseError(place, "truncated")
        checksum, size = zlib.crc32(part, checksum), size + len(part)
        if size > limit:
            raise ReleaseError(place, f"unpacks to more than {limit} bytes", "nothing was unpacked")
        target.write(part)
    if inflate.unused_data + source.read(9) != struct.pack("<II", checksum, size & 0xFFFFFFFF):
        raise ReleaseError(place, "damaged or truncated (its checksum does not fit)")


def _entries(file: BinaryIO, place: Path) -> Iterator[_Entry]:
    """Read the headers and check every name before a file is written."""
    end = file.seek(0, 2)
    start, seen = 0, set[str]()
    while True:
        file.seek(start)
        block = file.read(BLOCK)
        if not any(block):
            break
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise ReleaseError(place, f"damaged at byte {start} of the archive ({error})") from None
        _refuse_unsafe(info, place)
        if info.name in seen or len(seen) == MOST:
            found = f"{info.name!r} twice" if info.name in seen else f"more than {MOST} files"
            raise ReleaseError(place, found, "expected every file once")
        if not 0 <= info.size <= end - start - BLOCK:
            raise ReleaseError(place, f"{info.name!r} says {info.size} bytes", "there are fewer")
        seen.add(info.name)
        yield _Entry(info.name, info.size, start + BLOCK, int(info.mtime))
        start += BLOCK + info.size + -info.size % BLOCK


def _refuse_unsafe(info: tarfile.TarInfo, place: Path) -> None:
    name, parts = info.name, info.name.split("/")
    found = ""
    if info.type != tarfile.REGTYPE:
        found = KINDS.get(info.type, f"an entry of type {info.type!r}")
    elif name.startswith("/"):
        found = "an absolute path"
    elif ".." in parts:
        found = "a path that climbs out"
    elif not name.isprintable() or "\\" in name or ":" in name or {"", "."} & set(parts):
        found = "a name that is no plain path"
    elif len(name) > LONGEST or not 1 < len(parts) <= DEEPEST:
        found = "a name that is too long, or not below one folder"
    else:
        found = _second_opinion(info)
    if found:
        raise ReleaseError(place, f"{name!r} is {found}", "expected plain files below one folder")


def _second_opinion(info: tarfile.TarInfo) -> str:
    """Ask Python's own filter for archives of data, which knows more of other systems' paths."""
    try:
        tarfile.data_filter(info, tempfile.gettempdir())
    except tarfile.FilterError as error:
        return f"refused by tarfile ({error})"
    return ""


def _top(entries: list[_Entry], place: Path) -> str:
    tops = {entry.name.partition("/")[0] for entry in entries}
    if len(tops) != 1:
        raise ReleaseError(place, f"{len(tops)} folders at the top", "expected NAME-VERSION")
    names = {entry.name for entry in entries}
    for name in names:
        above = name.rpartition("/")[0]
        while above:
            if above in names:
                raise ReleaseError(place, f"{above!r} is a file and a folder")
            above = above.rpartition("/")[0]
    return tops.pop()


def _extract(file: BinaryIO, entry: _Entry, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    file.seek(entry.start)
    left = entry.size
    with target.open("xb") as out:
        while left:
            chunk = file.read(min(left, CHUNK))
            out.write(chunk)
            left -= len(chunk)


def _refuse_other_bytes(archive: Path, found: Unpacked) -> None:
    with archive.open("rb") as file:
        for part in archive_parts(found.folder, found.names, top=found.top, time=found.time):
            if file.read(len(part)) != part:
                told = "expected the one way in which a release is written"
                raise ReleaseError(archive, "an archive of the right files, damaged", told)
