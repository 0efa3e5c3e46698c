"""Everything that can be asked of a release without the project that made it."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ReleaseError
from litemill.release.answers import Golden, differences
from litemill.release.layout import SIGNATURE, refuse_other_files
from litemill.release.manifest_checks import check_manifest, provenance_commit, read_document
from litemill.release.reader import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.release.reader import Unpacked


@dataclass(frozen=True)
class CheckedRelease:
    """A release that holds what it promises.

    Attributes:
        manifest: its manifest.
        commit: which it was built from.
        files: how many it has.
        signed: whether it has a signature, whoever's.
        answers: by variant and output, how far its answers were from the golden ones.
    """

    manifest: dict[str, Any]
    commit: str
    files: int
    signed: bool
    answers: dict[str, dict[str, float]]


def check_release(archive: Path, *, key: Path | None) -> CheckedRelease:
    """Check an archive; with the public key, its signature too.

    Raises:
        LitemillError: what does not hold; for files that are missing, added or changed all of them.
    """
    with open_release(archive) as found:
        manifest = read_manifest(found, key=key)
        return CheckedRelease(
            manifest=manifest,
            commit=provenance_commit(found.folder),
            files=len(found.names),
            signed=SIGNATURE in found.names,
            answers=_answers(found, manifest),
        )


@contextlib.contextmanager
def open_release(archive: Path) -> Iterator[Unpacked]:
    """Unpack an archive for as long as the block lasts.

    Raises:
        ReleaseError: it is damaged, or not as a release is written.
    """
    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        yield unpack(archive, Path(scratch))


def read_manifest(found: Unpacked, *, key: Path | None = None) -> dict[str, Any]:
    """Give the manifest of an unpacked release, after all checks that run nothing."""
    refuse_other_files(found.folder, found.names)
    if key:
        from litemill.release.signature import refuse_other_signature

        refuse_other_signature(found.folder, key)
    return check_manifest(found.folder, found.names, found.top)


def _answers(found: Unpacked, manifest: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    told = read_document(found.folder, "golden/golden.json")
    return differences(
        [
            Golden(found.folder, name, entry["signature"], _golden(told, name, found))
            for name, entry in manifest["variants"].items()
        ]
    )


def _golden(told: Any, variant: str, found: Unpacked) -> dict[str, Any]:
    """Give a variant's part of golden.json, whose files have to be files of the release."""
    place = "golden/golden.json"
    try:
        golden = dict(told["variants"][variant])
        arrays = [*golden["inputs"].values(), *golden["outputs"].values()]
        missing = {f"golden/{one['file']}" for one in arrays} - {*found.names}
        plain = golden["kernels"] in {"default", "no_delegate", "reference"} and all(
            one["tolerance"] >= 0 for one in golden["outputs"].values()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(place, f"variant {variant}: {type(error).__name__} {error}") from None
    if missing or not plain or not golden["inputs"] or not golden["outputs"]:
        raise ReleaseError(place, f"variant {variant}: no golden samples that can be run")
    return golden
