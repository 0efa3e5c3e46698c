"""requirements.lock: pinned packages with environment markers and the hashes of their files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from litemill.core.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

    from packaging.requirements import Requirement

COMMENT = re.compile(r"(^|\s)#.*")
WHEEL = re.compile(r"\S+\.whl(?=\s|;|$)")
CONTINUED = re.compile(r"\\\r?\n")
# Distributions that bring the same modules, by the name that the toolchain has for them: the
# converter and the kernels of both builds of TensorFlow are the same.
BUILDS = {"tensorflow": ("tensorflow-cpu", "tensorflow")}
HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})(?=\s|$)")


class Pin(NamedTuple):
    """A pinned package."""

    name: str  # normalised
    version: str  # the only one that is allowed
    hashes: tuple[str, ...]  # SHA-256 of every file that may be installed, sorted
    applies: bool  # whether its marker holds in this environment


def installable(pins: Iterable[Pin]) -> dict[str, Pin]:
    """Select the pins of this environment, by name."""
    return {pin.name: pin for pin in pins if pin.applies}


def distribution(package: str, installable: Container[str]) -> str:
    """Return which distribution brings a package of the toolchain, of those installable here."""
    return next((name for name in BUILDS.get(package, ()) if name in installable), package)


def read_pins(lock: Path) -> list[Pin]:
    """Read the pins of a requirements file, for all environments.

    Raises:
        ToolchainError: the file is missing, or a line is no pin.
    """
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ToolchainError(lock, "no such file", "expected the pinned toolchain") from None
    lines = (COMMENT.sub("", line).strip() for line in CONTINUED.sub(" ", text).splitlines())
    # Lines with a dash are options of pip, such as --index-url.
    return [_pin(line, lock) for line in lines if line and not line.startswith("-")]


def _pin(entry: str, lock: Path) -> Pin:
    # Stages import this module and read no lock; packaging takes as long as many have to work.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import InvalidWheelFilename

    text = re.split(r"\s--", entry, maxsplit=1)[0]
    try:
        # A wheel by its path is written without a name.
        requirement = Requirement(f"wheel @ {text}" if WHEEL.match(text) else text)
        name, version = _name_and_version(requirement)
    except (InvalidRequirement, InvalidWheelFilename, ValueError) as error:
        expected = "expected NAME==VERSION or a wheel"
        raise ToolchainError(lock, f"{text[:80]!r} is no pin ({error})", expected) from None
    applies = requirement.marker is None or requirement.marker.evaluate()
    return Pin(name, version, tuple(sorted(HASH.findall(entry))), applies)


def _name_and_version(requirement: Requirement) -> tuple[str, str]:
    from packaging.utils import canonicalize_name, parse_wheel_filename

    if requirement.url:
        name, version, _, _ = parse_wheel_filename(PurePosixPath(requirement.url).name)
        return name, str(version)
    [specifier] = requirement.specifier
    if specifier.operator != "==" or specifier.version.endswith("*"):
        raise ValueError(f"{specifier} allows several versions")
    return canonicalize_name(requirement.name), specifier.version
