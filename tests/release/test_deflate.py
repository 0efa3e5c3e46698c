from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litemill.release.deflate import BLOCK, deflate_stream

SKEWED = b"".join(bytes([n]) * (1 << n) for n in range(18))  # codes longer than 15 bits, unbounded


def inflate(stream):
    """Decompress with zlib."""
    return zlib.decompress(stream, -zlib.MAX_WBITS)


@given(st.binary(max_size=5000))
@settings(deadline=None, max_examples=100)
def test_any_inflate_reads_what_was_written(content):
    """RFC 1951, whatever the bytes."""
    assert content == inflate(b"".join(deflate_stream([content])))


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_blocks_of_every_size_come_back(size):
    """Also none, and a last one that is full."""
    content = random.Random(size).randbytes(size)

    assert content == inflate(b"".join(deflate_stream([content])))


def test_frequencies_that_ask_for_long_codes_are_flattened():
    """RFC 1951 has 15 bits at most."""
    assert SKEWED == inflate(b"".join(deflate_stream([SKEWED])))


def test_how_the_content_is_cut_does_not_matter():
    """The same content has one encoding."""
    content = random.Random(1).randbytes(BLOCK + 1000)
    pieces = [content[start : start + 777] for start in range(0, len(content), 777)]

    assert b"".join(deflate_stream([content])) == b"".join(deflate_stream(pieces))


def test_text_becomes_smaller():
    """C source, to less than half."""
    text = ", ".join(f"0x{byte:02x}" for byte in random.Random(2).randbytes(20_000)).encode()

    assert len(b"".join(deflate_stream([text]))) < len(text) / 2
