"""Write a picture as PNG, whose bytes follow from its pixels alone.

Its data is stored, not compressed: compressed bytes would depend on the installed zlib. The
format: https://www.w3.org/TR/png-3/, and RFC 1950 and RFC 1951 for what is inside.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
LARGEST_BLOCK = 65_535  # bytes of a stored block of DEFLATE


def png_uri(pixels: Array) -> str:
    """Return uint8 pixels [height, width] or [height, width, 3] as a `data:` address."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(pixels)).decode('ascii')}"


def png_bytes(pixels: Array) -> bytes:
    """Return uint8 pixels [height, width] or [height, width, 3] as a PNG file."""
    height, width = pixels.shape[:2]
    colour = GREY if pixels.ndim == 2 else COLOUR  # noqa: PLR2004
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    rows = pixels.astype(np.uint8).reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)  # no filter
    data = _stored(filtered.tobytes())
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _stored(content: bytes) -> bytes:
    """Return a zlib stream of stored blocks."""
    blocks = [
        content[start : start + LARGEST_BLOCK] for start in range(0, len(content), LARGEST_BLOCK)
    ]
    stored = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block
        for block in blocks
    )
    return b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(content))
