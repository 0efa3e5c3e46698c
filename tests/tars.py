"""Archives that Litemill did not write, and how a release is refused."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from litemill.core.errors import LitemillError
from litemill.release.check import open_release, read_manifest


def inspect(path):
    """Check an archive as far as running the models."""
    with open_release(path) as found:
        return read_manifest(found)


def refused(path, look=inspect):
    """Return the error that refuses an archive."""
    with pytest.raises(LitemillError) as caught:
        look(path)
    return caught.value


def member(name="digits-1.2.0/a", content=b"x", **changes):
    """Return a tar member with its content."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def tar(*members, form=tarfile.USTAR_FORMAT, size=None):
    """Write a tar archive; `size` replaces that field of every header, with its checksum."""
    parts = []
    for info, content in members:
        header = info.tobuf(form, "utf-8", "surrogateescape")
        if size:
            header = header[:124] + size + header[136:]
            checksum = tarfile.calc_chksums(header)[0]
            header = header[:148] + b"%06o\0 " % checksum + header[156:]
        parts += [header, content, b"\0" * (-len(content) % 512)]
    written = b"".join(parts) + b"\0" * 1024
    return written + b"\0" * (-len(written) % tarfile.RECORDSIZE)


BAD = {
    "empty": b"",
    "text": b"hello",
    "a zip": b"PK\x03\x04" + b"\0" * 60,
    "compressed": gzip.compress(tar(member()), mtime=0),
    "no members": b"\0" * tarfile.RECORDSIZE,
    "no tar": b"hello" * 300,
    "climbs": tar(member("digits-1.2.0/../../escaped")),
    "climbs at once": tar(member("../escaped")),
    "absolute": tar(member("/escaped")),
    "backslash": tar(member("digits-1.2.0\\..\\escaped")),
    "drive": tar(member("C:/escaped")),
    "dot": tar(member("digits-1.2.0/./a")),
    "control": tar(member("digits-1.2.0/a\nb")),
    "no folder": tar(member("a")),
    "two folders": tar(member("one/a"), member("two/a")),
    "deep": tar(member("/".join("abcdefghijklmnop"))),
    "link": tar(member(content=b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "hard link": tar(member(content=b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "device": tar(member(content=b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "block device": tar(member(content=b"", type=tarfile.BLKTYPE)),
    "pipe": tar(member(content=b"", type=tarfile.FIFOTYPE)),
    "folder": tar(member(content=b"", type=tarfile.DIRTYPE)),
    "sparse": tar(member(content=b"", type=tarfile.GNUTYPE_SPARSE), form=tarfile.GNU_FORMAT),
    "long name": tar(member("digits-1.2.0/" + "n" * 300), form=tarfile.GNU_FORMAT),
    "pax": tar(member("digits-1.2.0/é" * 40), form=tarfile.PAX_FORMAT),
    "twice": tar(member(), member()),
    "file and folder": tar(member(), member("digits-1.2.0/a/b")),
    "a large size": tar(member(), size=b"77777777777\0"),
    "a negative size": tar(member(), size=b"\xff" * 11 + b"\xf8"),
    "set-uid": tar(member(mode=0o4755)),
    "an owner": tar(member(uname="root")),
    "trailing": tar(member()) + b"more",
    "two streams": tar(member()) * 2,
    "no padding": tar(member())[: 2 * 512],
    "not utf-8": tar(member(name=b"digits-1.2.0/\xff".decode("utf-8", "surrogateescape"))),
}
