"""Where what is in a release, and the digest of each file.

NAME-VERSION/
├── everything of build/package/: variants/, golden/, c/, manifest.json, params.yaml, …
├── dvc.lock, requirements.lock
├── bom.cdx.json                   CycloneDX ML-BOM
├── attestations/provenance.json   in-toto statement, SLSA v1 provenance
├── attestations/test-results.json in-toto statement, test result
├── model.sig                      OpenSSF model signing, if signed
└── SHA256SUMS                     of every other file, for `sha256sum --check`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.core.errors import ErrorGroup, ReleaseError
from litemill.core.files import sha256, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from litemill.core.errors import LitemillError

MANIFEST = "manifest.json"
LOCKS = ("dvc.lock", "requirements.lock")
BOM = "bom.cdx.json"
PROVENANCE = "attestations/provenance.json"
TESTS = "attestations/test-results.json"
SIGNATURE = "model.sig"
SUMS = "SHA256SUMS"


def sums(folder: Path, names: Iterable[str]) -> str:
    """Give the content of SHA256SUMS for some files of a folder."""
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in sorted(names))


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Write SHA256SUMS for every other file."""
    write_text(folder / SUMS, sums(folder, set(names) - {SUMS}))


def refuse_other_files(folder: Path, names: Iterable[str]) -> None:
    """Hold every file against SHA256SUMS.

    Raises:
        ReleaseError, SeveralErrors: files that are missing, added or changed, all of them.
    """
    found = set(names)
    if SUMS not in found:
        raise ReleaseError(SUMS, "missing", "expected the digests of every file")
    told = (folder / SUMS).read_bytes()
    expected = sums(folder, found - {SUMS}).encode()
    if told == expected:
        return
    before, after = _lines(told), _lines(expected)
    errors: list[LitemillError] = [
        ReleaseError(name, "missing", f"{SUMS} lists it") for name in sorted({*before} - {*after})
    ]
    errors += [
        ReleaseError(name, "added", f"{SUMS} does not list it")
        for name in sorted({*after} - {*before})
    ]
    errors += [
        ReleaseError(name, f"sha256 {after[name]}", f"expected {before[name]}")
        for name in sorted({*after} & {*before})
        if before[name] != after[name]
    ]
    raise ErrorGroup(errors or [ReleaseError(SUMS, "not as a release writes it")])


def _lines(content: bytes) -> dict[str, str]:
    pairs = [line.partition("  ") for line in content.decode("utf-8", "replace").splitlines()]
    return {name: digest for digest, _, name in pairs}
