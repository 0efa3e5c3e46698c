"""The toolchain: exact versions of the packages that can change an artifact's bytes.

requirements.lock says which versions; configure writes those that matter to a stage into its
section of build/params.json, so that a new TensorFlow rebuilds what TensorFlow can change, and a
new test tool nothing.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from litemill.config.lock import BUILDS, distribution, installable, read_pins
from litemill.core.errors import ErrorGroup, LitemillError, ToolchainError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

# Where a lock pins it, the installed version has to be that one. It is in no section of
# build/params.json: of two versions, only stages whose code differs run again.
LITEMILL = "litemill"
# What quantizes a variant that has a recipe, beside what converts each: the quantizer calibrates
# with LiteRT's interpreter, and writes files with LiteRT's schema.
RECIPE = ["ai-edge-litert"]


def read_lock(lock: Path) -> dict[str, str]:
    """Read the pinned versions from a requirements file, by normalised name.

    Raises:
        ToolchainError: the file is missing, or a line is no pin.
    """
    versions = {name: pin.version for name, pin in installable(read_pins(lock)).items()}
    builds = {name: distribution(name, versions) for name in BUILDS}
    return versions | {name: versions[one] for name, one in builds.items() if one in versions}


def pinned_versions(
    lock: Path,
    packages: Mapping[str, Sequence[str]],
    allow: Iterable[str] = (),
    *,
    place: str = "toolchain.allow",
) -> dict[str, dict[str, str]]:
    """Return by stage the versions it is built with: the lock's, or those of allowed packages.

    Args:
        lock: requirements.lock.
        packages: by stage, those whose version can change its output.
        allow: packages whose installed version may differ.
        place: where they are listed, for errors.

    Raises:
        ErrorGroup: packages that are not installed as pinned, or not known; all of them.
    """
    versions, allowed = read_lock(lock), set(allow)
    installed = {name: version for name in allowed if (version := installed_version(name))}
    relevant = sorted({name for names in packages.values() for name in names})
    known = [*relevant, LITEMILL]
    errors: list[LitemillError] = [
        ToolchainError(place, f"no {name!r}", nearest(name, known))
        for name in sorted(allowed - set(known))
    ]
    errors += [
        ToolchainError(f"{lock.name}: {name}", "not pinned", "expected a version")
        for name in relevant
        if name not in versions
    ]
    errors += version_mismatches(
        {name: versions[name] for name in known if name in versions and name not in installed}
    )
    if errors:
        raise ErrorGroup(errors)
    versions |= installed
    return {stage: {name: versions[name] for name in names} for stage, names in packages.items()}


def version_mismatches(expected: Mapping[str, str]) -> list[LitemillError]:
    """List the packages whose installed version is not the expected one."""
    return [
        ToolchainError(
            f"toolchain: {name}",
            f"found {installed or 'none'}",
            f"expected {version} (requirements.lock; `make` installs it)",
        )
        for name, version in sorted(expected.items())
        if (installed := installed_version(name)) != version
    ]


def installed_version(name: str) -> str | None:
    """Return the installed version of a package, or of the build that stands for it; or None."""
    for build in BUILDS.get(name, (name,)):
        try:
            return metadata.version(build)
        except metadata.PackageNotFoundError:
            continue
    return None
