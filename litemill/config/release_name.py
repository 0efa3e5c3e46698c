"""Names and versions that a release may have."""

from __future__ import annotations

import re

from litemill.core.errors import ReleaseError

# The grammar of https://semver.org, with the parts that it allows.
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")

# In the page of a release, where `litemill release` writes the commit: a build knows none.
COMMIT_PLACE = "0000-commit-of-the-build-0000"

NAMES = "expected letters, digits and any of ._+-"
VERSIONS = "expected a version such as 1.2.0 or 1.2.0-rc.1 (Semantic Versioning or PEP 440)"


def is_release_name(name: str) -> bool:
    """Return whether a release may have this name, which becomes a file's."""
    return PLAIN.fullmatch(name) is not None


def is_release_version(version: str) -> bool:
    """Return whether this is a version, of Semantic Versioning or PEP 440, that a file may have."""
    from packaging.version import InvalidVersion, Version

    try:
        if not SEMVER.fullmatch(version):
            Version(version)
    except InvalidVersion:
        return False
    return PLAIN.fullmatch(version) is not None and version[0].isdigit()


def overlay_name(variant: str) -> str:
    """Return the file with the error of each layer; Model Explorer shows it as their title."""
    return f"{variant}_error_percent.json"


def bundle_name(name: str, version: str) -> str:
    """Return NAME-VERSION, the name of the archive and of its one folder.

    Raises:
        ReleaseError: the name is no plain file name, or the version is no version.
    """
    if not is_release_name(name):
        raise ReleaseError("release.name", repr(name), NAMES)
    if not is_release_version(version):
        raise ReleaseError("release.version", repr(version), VERSIONS)
    return f"{name}-{version}"
