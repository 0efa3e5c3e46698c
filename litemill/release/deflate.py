"""Compression whose bytes do not depend on which zlib is installed.

Implementations of zlib (and versions of them) find different matches, so that the same archive
would have other bytes on another distribution. This encoder looks for no matches: it writes blocks
of a fixed size, each with its own Huffman code for single bytes. Any inflate reads it. The format
is RFC 1951; there is one way to encode a given content, so every bit of the result matters.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 1 << 18  # bytes in a block
LONGEST = 15  # bits of a code, at most
END_OF_BLOCK = 256
# An empty stored block, which ends on a byte: after a block, and, marked as the last, at the end.
ALIGN = b"\x00\x00\xff\xff"
LAST = b"\x01\x00\x00\xff\xff"
# In which order RFC 1951, 3.2.7, gives the lengths of the code that writes the lengths.
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def deflate_stream(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Compress a stream of bytes; where its parts end does not matter."""
    pending = bytearray()
    for part in parts:
        pending += part
        while len(pending) >= BLOCK:
            yield _block(bytes(pending[:BLOCK]))
            del pending[:BLOCK]
    if pending:
        yield _block(bytes(pending))
    yield LAST


def _block(content: bytes) -> bytes:
    symbols = np.frombuffer(content, np.uint8)
    counts = [*np.bincount(symbols, minlength=256).tolist(), 1]
    lengths = _lengths(counts)
    codes = np.array(_codes(lengths), np.uint16)
    bits = [_header(lengths), _packed(symbols, codes, np.array(lengths, np.uint8))]
    end = [codes[END_OF_BLOCK] >> bit & 1 for bit in range(lengths[END_OF_BLOCK])]
    # Three bits open the empty stored block: not the last one, type 0.
    bits += [np.array(end, np.uint8), np.zeros(3, np.uint8)]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes() + ALIGN


def _lengths(counts: list[int]) -> list[int]:
    """Give the length of each symbol's Huffman code in bits; 0 for a symbol that does not occur."""
    lengths = [0] * len(counts)
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in enumerate(counts) if count
    ]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, first, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in (*left, *right):
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, first, (*left, *right)))
    # Flatter counts give shorter codes.
    return lengths if max(lengths) <= LONGEST else _lengths([(n + 1) // 2 for n in counts])


def _codes(lengths: list[int]) -> list[int]:
    """Give the canonical codes (RFC 1951, 3.2.2), first bit lowest, as they are written."""
    codes, code = [0] * len(lengths), 0
    for length in range(1, LONGEST + 1):
        for symbol in (symbol for symbol, one in enumerate(lengths) if one == length):
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
        code <<= 1
    return codes


def _header(lengths: list[int]) -> Array:
    """Give the bits before the data: the lengths of 257 codes and of one distance, never used.

    A length is written in four bits: a code of the lengths 0 to 15, all of the same length.
    """
    fields = [(0, 1), (2, 2), (0, 5), (0, 5), (15, 4)]
    fields += [(4 if symbol <= LONGEST else 0, 3) for symbol in ORDER]
    fields += [(int(f"{length:04b}"[::-1], 2), 4) for length in (*lengths, 0)]
    return np.array([value >> bit & 1 for value, size in fields for bit in range(size)], np.uint8)


def _packed(symbols: Array, codes: Array, lengths: Array) -> Array:
    """Give the bits of every symbol's code, one after the other."""
    sizes = lengths[symbols]
    starts = np.cumsum(sizes, dtype=np.int64) - sizes
    bits = np.zeros(int(starts[-1]) + int(sizes[-1]), np.uint8)
    written = codes[symbols]
    for bit in range(int(sizes.max())):
        reaches = sizes > bit
        bits[starts[reaches] + bit] = written[reaches] >> bit & 1
    return bits
