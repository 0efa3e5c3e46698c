"""Check a release without the project that made it."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ReleaseError
from litemill.release.documents import read_document
from litemill.release.evidence_checks import provenance_commit
from litemill.release.golden_check import GoldenCase, golden_differences
from litemill.release.layout import GOLDEN, SIGNATURE, golden_file, refuse_other_files
from litemill.release.manifest_checks import check_manifest
from litemill.release.reader import unpack
from litemill.targets.kinds import KINDS
from litemill.tflite.interpreter import Kernels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.release.reader import Unpacked

# What golden outputs may have been computed by: LiteRT's kernels, or a target's own.
KERNELS = {*Kernels.__members__, *(kind.kernels for kind in KINDS.values() if kind.kernels)}


@dataclass(frozen=True)
class CheckedRelease:
    """A release that passed every check.

    Attributes:
        manifest: its manifest.
        commit: the one that it was built from.
        files: how many it has.
        signed: whether it has a signature, by whatever key.
        differences: by variant and output, the largest difference from the golden outputs.
    """

    manifest: dict[str, Any]
    commit: str
    files: int
    signed: bool
    differences: dict[str, dict[str, float]]


def check_release(archive: Path, *, key: Path | None) -> CheckedRelease:
    """Check an archive; with the public key, its signature too.

    Raises:
        LitemillError: a check that failed; all files that are missing, added or changed.
    """
    with open_release(archive) as release:
        manifest = read_manifest(release, key=key)
        return CheckedRelease(
            manifest=manifest,
            commit=provenance_commit(release.folder),
            files=len(release.names),
            signed=SIGNATURE in release.names,
            differences=run_golden(release, manifest),
        )


@contextlib.contextmanager
def open_release(archive: Path) -> Iterator[Unpacked]:
    """Unpack an archive for as long as the block lasts.

    Raises:
        ReleaseError: it is damaged, or not as a release is written.
    """
    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        yield unpack(archive, Path(scratch))


def read_manifest(release: Unpacked, *, key: Path | None = None) -> dict[str, Any]:
    """Return the manifest of an unpacked release, after all checks that run no model."""
    refuse_other_files(release.folder, release.names)
    if key:
        from litemill.release.signature import refuse_other_signature

        refuse_other_signature(release.folder, key)
    return check_manifest(release.folder, release.names, release.top)


def run_golden(release: Unpacked, manifest: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Run every variant on its golden inputs; see `golden_differences`."""
    golden = read_document(release.folder, GOLDEN)
    return golden_differences(
        [
            GoldenCase(release.folder, name, entry["signature"], _record(golden, name, release))
            for name, entry in manifest["variants"].items()
        ]
    )


def _record(golden: Any, variant: str, release: Unpacked) -> dict[str, Any]:
    """Return a variant's part of golden.json, whose files have to be files of the release."""
    try:
        record = dict(golden["variants"][variant])
        arrays = [*record["inputs"].values(), *record["outputs"].values()]
        files = {one[key] for one in arrays for key in ("file", "raw") if key in one}
        missing = {golden_file(file) for file in files} - {*release.names}
        valid = record["kernels"] in KERNELS and all(
            one["tolerance"] >= 0 for one in record["outputs"].values()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(GOLDEN, f"variant {variant}: {type(error).__name__} {error}") from None
    if missing or not valid or not record["inputs"] or not record["outputs"]:
        raise ReleaseError(GOLDEN, f"variant {variant}: no golden samples that can be run")
    return record
