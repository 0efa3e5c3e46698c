"""Arrays of NumPy's files, vetted before their values are read: anyone may have written them."""

from __future__ import annotations

import math
import shutil
import zipfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, first_line

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".npy"
# What an archive may unpack to: so many times its own size, and as much more. Deflate manages a
# thousand, a table of zeros and ones a few dozen.
RATIO = 200
ALLOWANCE = 1 << 28
_ENCRYPTED = 0x1
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def refuse_special(path: Path, expected: str) -> None:
    """Refuse what is no regular file: a pipe or a device would be read without end.

    Raises:
        DataError: it is another kind of file, or there is none.
    """
    if path.is_file():
        return
    found = "not a regular file" if path.exists() else "no such file"
    found = "a link to nothing" if path.is_symlink() and not path.exists() else found
    raise DataError(path, found, expected)


def open_archive(path: Path, scratch: Path | None = None) -> zipfile.ZipFile:
    """Open a `.npz` file whose entries can be unpacked, to `scratch` where they are.

    Raises:
        DataError: it is missing, damaged, encrypted, or would unpack to more than its size allows.
    """
    refuse_special(path, "expected a .npz file")
    size = path.stat().st_size
    if size == 0:
        raise DataError(path, "empty", "expected a .npz file")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(path, f"damaged or no .npz file ({error})", "write it again") from None
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if len(names) < len(entries):
        raise DataError(path, "an array twice", "expected one of each name")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise DataError(path, f"{entry.filename} is encrypted", "expected a plain archive")
    total = sum(entry.file_size for entry in entries)
    if total > RATIO * size + ALLOWANCE:
        found = f"{size:,} bytes that would unpack to {total:,}"
        raise DataError(path, found, f"expected at most {RATIO} times its size")
    if scratch is not None and total > (free := shutil.disk_usage(scratch).free):
        raise DataError(path, f"unpacks to {total:,} bytes, and {free:,} are free", "make room")
    return archive


def read_header(source: IO[bytes], size: int, place: object) -> Header:
    """Read the header of a `.npy` stream; its values must be as many bytes as it says.

    Args:
        source: the stream, at its start.
        size: its length in bytes.
        place: what errors name.

    Returns:
        Shape, whether in Fortran's order, and type.

    Raises:
        DataError: it is no array, holds pickled objects, or is of another size.
    """
    try:
        version = np.lib.format.read_magic(source)
        shape, fortran, dtype = _READERS[version](source)
    except (zipfile.BadZipFile, OSError, EOFError):
        raise
    except Exception as error:  # noqa: BLE001  # NumPy evaluates the header as Python, which fails in many ways
        found = f"no array ({first_line(error)})"
        raise DataError(place, found, "expected what numpy.savez writes") from None
    if dtype.hasobject:
        raise DataError(place, "pickled objects", "expected plain numbers; ragged lists are none")
    if dtype.itemsize == 0 or any(not 0 <= length < 1 << 60 for length in shape):
        raise DataError(place, f"type {dtype}, shape {shape}", "expected an array of numbers")
    expected, found_bytes = math.prod(shape) * dtype.itemsize, size - source.tell()
    if found_bytes != expected:
        raise DataError(place, f"{found_bytes} bytes of values", f"its header says {expected}")
    return shape, fortran, dtype
