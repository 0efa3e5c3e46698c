"""Assemble a release: the bundle of `package`, and the files that depend on the commit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from litemill.config.lock import installable, read_pins
from litemill.config.release_name import COMMIT_PLACE
from litemill.core.files import read_json, sha256, tree_files, write_json, write_text
from litemill.release.bom import build_bom
from litemill.release.layout import (
    BOM,
    LOCKS,
    MANIFEST,
    PARAMS,
    PROVENANCE,
    REPORT,
    SIGNATURE,
    SUMS,
    TESTS,
    write_sums,
)
from litemill.release.signature import sign
from litemill.release.statement import (
    BuildRecord,
    provenance_statement,
    test_result_statement,
    validate_statement,
)

if TYPE_CHECKING:
    from pathlib import Path


def assemble_release(
    project: Path, folder: Path, *, commit: str, time: int, key: Path | None
) -> None:
    """Write every file of a release into a folder.

    Args:
        project: where build/package/, build/report/, dvc.lock and requirements.lock are.
        folder: the release; it does not exist.
        commit: the one that was built.
        time: of the release, seconds since 1970.
        key: private key to sign with, or None.

    Raises:
        ReleaseError: a key of the wrong kind, or a document that violates its format.
        ToolchainError: requirements.lock is missing or not a lock.
    """
    shutil.copytree(project / "build" / "package", folder)
    for name in LOCKS:
        shutil.copyfile(project / name, folder / name)
    page = (project / "build" / "report" / "release.html").read_text("utf-8")
    write_text(folder / REPORT, page.replace(COMMIT_PLACE, commit))
    manifest = read_json(folder / MANIFEST)
    pins = installable(read_pins(project / "requirements.lock"))
    write_json(folder / BOM, build_bom(manifest, commit, time, pins))
    results = test_result_statement(manifest)
    validate_statement(results, TESTS)
    write_json(folder / TESTS, results)
    provenance = _provenance(
        folder, BuildRecord(commit, manifest, read_json(folder / PARAMS), pins)
    )
    validate_statement(provenance, PROVENANCE)
    write_json(folder / PROVENANCE, provenance)
    if key:
        sign(folder, key)
    write_sums(folder, tree_files(folder))


def content_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that follows from the commit: all but signature and sums."""
    names = set(tree_files(folder)) - {SIGNATURE, SUMS}
    return {name: sha256(folder / name) for name in sorted(names)}


def _provenance(folder: Path, build: BuildRecord) -> dict[str, Any]:
    subjects = {**build.manifest["files"], MANIFEST: sha256(folder / MANIFEST)}
    byproducts = {name: sha256(folder / name) for name in (*LOCKS, BOM, TESTS, REPORT)}
    return provenance_statement(build, subjects, byproducts)
