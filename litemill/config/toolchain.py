"""The toolchain: exact versions of the packages that can change an artifact's bytes.

requirements.lock says which versions; configure writes those that matter to a stage into its
section of build/params.json, so that a new TensorFlow rebuilds what TensorFlow can change, and a
new test tool nothing.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from litemill.core.errors import ErrorGroup, LitemillError, ToolchainError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

# What quantizes a variant that has a recipe, beside what converts each: the quantizer calibrates
# with LiteRT's interpreter, and writes files with LiteRT's schema.
RECIPE = ["ai-edge-litert"]


def read_lock(lock: Path) -> dict[str, str]:
    """Read the pinned versions from a requirements file, by normalised name.

    Raises:
        ToolchainError: the file is missing.
    """
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ToolchainError(lock, "no such file", "expected the pinned toolchain") from None
    found = {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    }
    # One name for both builds of TensorFlow, whose converter and kernels are the same.
    if "tensorflow-cpu" in found:
        found["tensorflow"] = found["tensorflow-cpu"]
    return found


def pinned_versions(
    lock: Path,
    packages: Mapping[str, Sequence[str]],
    allow: Iterable[str] = (),
    *,
    place: str = "toolchain.allow",
) -> dict[str, dict[str, str]]:
    """Give by stage the versions it is built with: those of the lock, or of an allowed difference.

    Args:
        lock: requirements.lock.
        packages: by stage, those whose version can change its output.
        allow: packages whose installed version may differ.
        place: where they are listed, for errors.

    Raises:
        SeveralErrors: packages that are not installed as pinned, or not known; all of them.
    """
    versions = read_lock(lock)
    relevant = sorted({name for names in packages.values() for name in names})
    errors: list[LitemillError] = [
        ToolchainError(place, f"no {name!r}", nearest(name, relevant))
        for name in allow
        if name not in relevant
    ]
    for name in relevant:
        if name not in versions:
            errors.append(
                ToolchainError(f"{lock.name}: {name}", "not pinned", "expected a version")
            )
        elif name in allow and (found := installed_version(name)):
            versions[name] = found
    stages = {
        stage: {n: versions[n] for n in names if n in versions} for stage, names in packages.items()
    }
    everything = {name: version for names in stages.values() for name, version in names.items()}
    errors += version_mismatches(everything)
    if errors:
        raise ErrorGroup(errors)
    return stages


def version_mismatches(expected: Mapping[str, str]) -> list[LitemillError]:
    """Tell how the environment differs from the expected versions."""
    return [
        ToolchainError(
            f"toolchain: {name}",
            f"found {found or 'none'}",
            f"expected {version} (requirements.lock; `make` installs it)",
        )
        for name, version in sorted(expected.items())
        if (found := installed_version(name)) != version
    ]


def installed_version(name: str) -> str | None:
    """Give the installed version of a package, or None."""
    for known in ("tensorflow-cpu", "tensorflow") if name == "tensorflow" else (name,):
        try:
            return metadata.version(known)
        except metadata.PackageNotFoundError:
            continue
    return None
