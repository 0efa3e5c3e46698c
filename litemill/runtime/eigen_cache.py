"""The cache sizes that Eigen assumes, fixed, so that sums do not depend on the processor's.

Eigen splits large matrix products into blocks that fit into the caches of the processor it runs
on, and adds up block by block: another cache, other last bits. There is no call that sets the
sizes from outside of the library, but there is the variable that it keeps them in: a static of
`Eigen::internal::manage_caching_sizes`, filled in at its first use. A build of TensorFlow that does
not show it trains all the same, and promises less: docs/reproducibility.md.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Table = np.ndarray[tuple[int], np.dtype[np.void]]

LIBRARY = "libtensorflow_cc.so.2"
# Itanium C++ ABI: a static of a function, and its guard, whose first byte is 1 once it is set.
SIZES = b"_ZZN5Eigen8internal20manage_caching_sizesENS_6ActionEPlS2_S2_E12m_cacheSizes"
GUARD = b"_ZGVZN5Eigen8internal20manage_caching_sizesENS_6ActionEPlS2_S2_E12m_cacheSizes"

# Elf64_Sym and Elf64_Shdr of the System V ABI, little endian.
_FIELDS = {"name": "<u4", "info": "u1", "other": "u1", "section": "<u2", "value": "<u8"}
_SYMBOL = np.dtype(list((_FIELDS | {"size": "<u8"}).items()))
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMTAB = 2
_BLOCK = 1 << 16  # symbols
_OBJECT = 1  # low four bits of a symbol's info: data


def fix_cache_sizes(sizes: Sequence[int]) -> None:
    """Make Eigen in this process's TensorFlow assume caches of these sizes, from its next call on.

    Args:
        sizes: bytes of the caches of the first (data), second and third level.

    Raises:
        ConfigError: this build of TensorFlow does not show where it keeps them.
    """
    path, base = _loaded()
    addresses = _addresses(path)
    (ctypes.c_long * 3).from_address(base + addresses[SIZES])[:] = list(sizes)
    ctypes.c_ubyte.from_address(base + addresses[GUARD]).value = 1


def cache_sizes() -> list[int]:
    """Return the sizes in use: of three levels, in bytes; 0 where Eigen has not looked yet.

    Raises:
        ConfigError: as `fix_cache_sizes`.
    """
    path, base = _loaded()
    return list((ctypes.c_long * 3).from_address(base + _addresses(path)[SIZES]))


def why_not_fixed(sizes: Sequence[int] | None) -> str | None:
    """Return why Eigen does not assume these sizes, or None where it does or is not asked to."""
    if sizes is None:
        return None
    try:
        used = cache_sizes()
    except ConfigError as error:
        return error.found
    return None if used == list(sizes) else f"Eigen uses {used}"


def _loaded() -> tuple[Path, int]:
    """Return the library's file and the address that it is loaded at."""
    maps = Path("/proc/self/maps")  # Linux; other systems have none
    for line in maps.read_text().splitlines() if maps.is_file() else ():
        if line.endswith(LIBRARY):
            words = line.split(maxsplit=5)
            return Path(words[5]), int(words[0].partition("-")[0], 16)
    raise ConfigError("numerics.cache_sizes", f"{LIBRARY} is not loaded", "expected null")


def _addresses(path: Path) -> dict[bytes, int]:
    """Return the addresses, relative to where the library is loaded, of both variables."""
    addresses: dict[bytes, int] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for symbols, names in _local_symbols(content):
            data = ((symbols["info"] & 15) == _OBJECT) & np.isin(symbols["size"], (8, 24))
            for name, address in symbols[data][["name", "value"]].tolist():
                for wanted in (SIZES, GUARD):
                    if content[names + name : names + name + len(wanted) + 1] == wanted + b"\0":
                        addresses[wanted] = address
            if len(addresses) == len((SIZES, GUARD)):
                break
    if missing := {SIZES, GUARD} - set(addresses):
        problem = f"{path.name} does not name {len(missing)} of the 2 symbols that hold them"
        raise ConfigError("numerics.cache_sizes", problem, "expected null, or another TensorFlow")
    return addresses


def _local_symbols(content: mmap.mmap) -> Iterator[tuple[Table, int]]:
    """Yield the local symbols of an ELF file in blocks, and where in the file their names start."""
    (first,) = struct.unpack_from("<Q", content, 40)  # e_shoff
    width, count = struct.unpack_from("<HH", content, 58)  # e_shentsize, e_shnum
    sections = [_SECTION.unpack_from(content, first + width * i) for i in range(count)]
    for _, kind, _, _, offset, _, strings, local, _, _ in sections:
        if kind == _SYMTAB:
            end = offset + local * _SYMBOL.itemsize
            # All of them are 20 MB, and those that are looked for are among the first.
            for start in range(offset, end, _BLOCK * _SYMBOL.itemsize):
                table = content[start : min(end, start + _BLOCK * _SYMBOL.itemsize)]
                yield np.frombuffer(table, _SYMBOL), sections[strings][4]
