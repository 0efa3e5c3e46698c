"""The wheel of the running Litemill, which a project keeps in wheels/ and pins by its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from litemill.core.errors import LitemillError
from litemill.core.files import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
# What a wheel's .dist-info holds; installers add files of their own beside these.
METADATA = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt")


def running_wheel(folder: Path) -> Path:
    """Write the wheel of the running Litemill to a folder, and return its path.

    It is the file that was installed, where that still exists; otherwise it is packed from the
    installed files. In a checkout it is built from the sources.

    Raises:
        LitemillError: the sources do not build, or installed files are missing.
    """
    if (PACKAGE.parent / "setup.py").is_file():
        return _build(PACKAGE.parent, folder)
    distribution = next(iter(metadata.distributions(name="litemill", path=[str(PACKAGE.parent)])))
    original = _original(distribution)
    if original is None:
        return _pack(distribution, folder)
    return Path(shutil.copy(original, folder))


def _build(sources: Path, folder: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder.resolve())],
        cwd=sources,
        env={"SOURCE_DATE_EPOCH": "315532800", **os.environ},  # EPOCH
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["failed"])[-1]
        raise LitemillError(sources, f"the wheel does not build: {reason}")
    return folder / done.stdout.splitlines()[-1]


def _original(distribution: metadata.Distribution) -> Path | None:
    """Return the file that was installed, as pip recorded it (PEP 610), if it is unchanged."""
    record = json.loads(distribution.read_text("direct_url.json") or "{}")
    path = Path(url2pathname(urlsplit(record.get("url", "")).path))
    expected = record.get("archive_info", {}).get("hashes", {}).get("sha256")
    return path if expected and path.is_file() and sha256(path) == expected else None


def _pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Pack the installed files as a wheel whose bytes depend on nothing else."""
    info = f"litemill-{distribution.version}.dist-info"
    wheel = folder / f"litemill-{distribution.version}-py3-none-any.whl"
    record = ""
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, path in sorted(_files(distribution, info)):
            if not path.is_file():
                raise LitemillError(path, "missing", "install Litemill again")
            content = path.read_bytes()
            archive.writestr(_entry(name), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            record += f"{name},sha256={digest},{len(content)}\n"
        archive.writestr(_entry(f"{info}/RECORD"), f"{record}{info}/RECORD,,\n")
    return wheel


def _files(distribution: metadata.Distribution, info: str) -> Iterator[tuple[str, Path]]:
    for file in distribution.files or ():
        inside, name = file.parts[0], file.as_posix()
        packaged = inside == "litemill" and "__pycache__" not in file.parts
        described = inside == info and (file.name in METADATA or file.parts[1] == "licenses")
        if packaged or described:
            yield name, Path(str(file.locate()))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    return entry
