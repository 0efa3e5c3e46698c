"""Reading an archive that may be anything: nothing is trusted, nothing written outside a folder.

The archive must be, byte for byte, what `litemill.release.archive` writes for the files in it. So a
flipped bit is found even where other programs would not look, such as in the padding.
"""

from __future__ import annotations

import filecmp
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from litemill.core.errors import ReleaseError
from litemill.release.archive import SUFFIX, write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FILES = 10_000
MAX_DEPTH = 10  # folders
MAX_NAME = 255  # characters
CHUNK = 1 << 20
BLOCK = tarfile.BLOCKSIZE
EXPECTED = f"expected a {SUFFIX} of `litemill release`"


@dataclass(frozen=True)
class Unpacked:
    """An archive's files in a folder."""

    folder: Path  # where they are now
    top: str  # the folder that they were below in the archive
    names: tuple[str, ...]  # of the files, relative to it
    time: int  # modification time of all, seconds since 1970


def unpack(archive: Path, scratch: Path) -> Unpacked:
    """Unpack an archive below the folder `scratch`, which exists and is empty.

    Raises:
        ReleaseError: truncated, damaged, or not as a release is written; one line says where.
    """
    if not archive.exists():
        raise ReleaseError(archive, "no such file", EXPECTED)
    if not archive.is_file():
        raise ReleaseError(archive, "not a regular file", EXPECTED)
    folder = scratch / "files"
    with archive.open("rb") as file:
        members = list(_members(file, archive))
        top = _top_folder([member.name for member in members], archive)
        for member in members:
            _extract(file, member, folder / member.name.partition("/")[2])
    names = tuple(member.name.partition("/")[2] for member in members)
    unpacked = Unpacked(folder, top, names, int(members[0].mtime))
    _refuse_other_bytes(archive, unpacked, scratch / "again")
    return unpacked


def _members(file: BinaryIO, place: Path) -> Iterator[tarfile.TarInfo]:
    """Read the headers and check every name before a file is written.

    Header by header, because `TarFile` follows extension headers (PAX, GNU), which no release has.
    """
    end = file.seek(0, 2)
    start, names = 0, set[str]()
    while True:
        file.seek(start)
        block = file.read(BLOCK)
        if not any(block):
            break
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise ReleaseError(place, f"damaged at byte {start} ({error})", EXPECTED) from None
        _refuse_unsafe(info, place)
        if info.name in names or len(names) == MAX_FILES:
            found = f"{info.name!r} twice" if info.name in names else f"more than {MAX_FILES} files"
            raise ReleaseError(place, found, "expected every file once")
        if not 0 <= info.size <= end - start - BLOCK:
            raise ReleaseError(
                place, f"truncated: {info.name!r} has {info.size} bytes", "fewer are there"
            )
        info.offset_data = start + BLOCK
        names.add(info.name)
        yield info
        start += BLOCK + info.size + -info.size % BLOCK


def _refuse_unsafe(info: tarfile.TarInfo, place: Path) -> None:
    parts = info.name.split("/")
    found = ""
    # Stricter than tarfile's filters, which Python 3.11.0 to 3.11.3 (Debian 12) have not.
    if info.type != tarfile.REGTYPE:
        found = "not a regular file"
    elif (
        ".." in parts
        or not info.name.isprintable()
        or set("\\:") & set(info.name)
        or {"", "."} & set(parts)
    ):
        found = "not a plain path"
    elif len(info.name) > MAX_NAME or not 1 < len(parts) <= MAX_DEPTH:
        found = "too long a name, or not below one folder"
    if found:
        raise ReleaseError(
            place, f"{info.name!r} is {found}", "expected regular files below one folder"
        )


def _top_folder(names: list[str], place: Path) -> str:
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1:
        raise ReleaseError(place, f"{len(tops)} folders at the top", "expected NAME-VERSION")
    folders = {parent.as_posix() for name in names for parent in PurePosixPath(name).parents}
    for name in sorted(folders & {*names}):
        raise ReleaseError(place, f"{name!r} is a file and a folder")
    return tops.pop()


def _extract(file: BinaryIO, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    file.seek(member.offset_data)
    left = member.size
    with target.open("xb") as out:
        while left:
            chunk = file.read(min(left, CHUNK))
            out.write(chunk)
            left -= len(chunk)


def _refuse_other_bytes(archive: Path, unpacked: Unpacked, again: Path) -> None:
    write_archive(again, unpacked.folder, unpacked.names, top=unpacked.top, time=unpacked.time)
    same = filecmp.cmp(archive, again, shallow=False)
    again.unlink()
    if not same:
        found = "not written as `litemill release` writes these files (damaged, or repacked)"
        raise ReleaseError(archive, found)
