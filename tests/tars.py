"""Archives that are none of Litemill's, and how a release is refused."""

from __future__ import annotations

import gzip
import tarfile
import zlib

import pytest

from litemill.core.errors import LitemillError
from litemill.release.archive import GZIP_HEADER
from litemill.release.check import open_release, read_manifest


def inspect(path):
    """Check an archive as far as running the models."""
    with open_release(path) as found:
        return read_manifest(found)


def refused(path, look=inspect):
    """Give the one line with which an archive is refused."""
    with pytest.raises(LitemillError) as caught:
        look(path)
    return str(caught.value)


def member(name="digits-1.2.0/a", content=b"x", **changes):
    """Give a tar member with its content."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def tar(*members, form=tarfile.USTAR_FORMAT):
    """Give a tar archive."""
    parts = []
    for info, content in members:
        parts += [info.tobuf(form), content, b"\0" * (-len(content) % 512)]
    return b"".join(parts) + b"\0" * 1024


def zipped(content):
    """Compress as a release's header says, with zlib."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    end = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return GZIP_HEADER + stream.compress(content) + stream.flush() + end


BAD = {
    "empty": b"",
    "text": b"hello",
    "a zip": b"PK\x03\x04" + b"\0" * 60,
    "header alone": GZIP_HEADER,
    "with a name": gzip.compress(tar(member()), mtime=1),
    "no members": zipped(b"\0" * 1024),
    "no tar": zipped(b"hello" * 300),
    "climbs": zipped(tar(member("digits-1.2.0/../../escaped"))),
    "climbs at once": zipped(tar(member("../escaped"))),
    "absolute": zipped(tar(member("/escaped"))),
    "backslash": zipped(tar(member("digits-1.2.0\\..\\escaped"))),
    "drive": zipped(tar(member("C:/escaped"))),
    "dot": zipped(tar(member("digits-1.2.0/./a"))),
    "control": zipped(tar(member("digits-1.2.0/a\nb"))),
    "no folder": zipped(tar(member("a"))),
    "two folders": zipped(tar(member("one/a"), member("two/a"))),
    "deep": zipped(tar(member("/".join("abcdefghijklmnop")))),
    "link": zipped(tar(member(content=b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"))),
    "hard link": zipped(tar(member(content=b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"))),
    "device": zipped(tar(member(content=b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3))),
    "block device": zipped(tar(member(content=b"", type=tarfile.BLKTYPE))),
    "pipe": zipped(tar(member(content=b"", type=tarfile.FIFOTYPE))),
    "folder": zipped(tar(member(content=b"", type=tarfile.DIRTYPE))),
    "sparse": zipped(
        tar(member(content=b"", type=tarfile.GNUTYPE_SPARSE), form=tarfile.GNU_FORMAT)
    ),
    "long name": zipped(tar(member("digits-1.2.0/" + "n" * 300), form=tarfile.GNU_FORMAT)),
    "pax": zipped(tar(member("digits-1.2.0/é" * 40), form=tarfile.PAX_FORMAT)),
    "twice": zipped(tar(member(), member())),
    "file and folder": zipped(tar(member(), member("digits-1.2.0/a/b"))),
    "says more": zipped(tar(member())[:-1024].replace(b"00000000001\0", b"77777777777\0", 1)),
    "set-uid": zipped(tar(member(mode=0o4755))),
    "an owner": zipped(tar(member(uname="root"))),
    "trailing": zipped(tar(member())) + b"more",
    "two streams": zipped(tar(member())) * 2,
    "bomb": zipped(b"\0" * (64 << 20)),
    "not utf-8": zipped(tar(member()).replace(b"digits-1.2.0/a", b"digits-1.2.0/\xff", 1)),
}
