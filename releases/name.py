"""What a release may be called."""

from __future__ import annotations

import re

from stages.errors import ReleaseError

# As https://semver.org gives it, with the parts that it allows.
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def full_name(name: str, version: str) -> str:
    """Give NAME-VERSION, the name of the archive and of its one folder.

    Raises:
        ReleaseError: the name is no plain file name, or the version is no version.
    """
    from packaging.version import InvalidVersion, Version

    if not PLAIN.fullmatch(name):
        raise ReleaseError("release.name", repr(name), "expected letters, digits and any of ._+-")
    try:
        if not SEMVER.fullmatch(version):
            Version(version)
        fits = PLAIN.fullmatch(version)
    except InvalidVersion:
        fits = None
    if not fits or not version[0].isdigit():
        told = "expected a version such as 1.2.0 or 1.2.0-rc.1 (Semantic Versioning or PEP 440)"
        raise ReleaseError("release.version", repr(version), told)
    return f"{name}-{version}"
