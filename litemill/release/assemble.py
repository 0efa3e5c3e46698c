"""Putting a release together: what `package` made, and what depends on the commit."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from litemill.core.files import read_json, sha256, tree_files, write_json
from litemill.release.bom import bom
from litemill.release.layout import (
    BOM,
    LOCKS,
    MANIFEST,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    TESTS,
    write_sums,
)
from litemill.release.signature import sign
from litemill.release.statement import BuildRecord, provenance, refuse_malformed, test_results

if TYPE_CHECKING:
    from pathlib import Path


def assemble_release(
    project: Path, folder: Path, *, commit: str, time: int, key: Path | None
) -> None:
    """Write every file of a release into a folder.

    Args:
        project: where build/package/, dvc.lock and requirements.lock are.
        folder: where to; it does not exist.
        commit: which commit was built.
        time: of the release, seconds since 1970.
        key: private key to sign with, or None.

    Raises:
        ReleaseError: a key of the wrong kind, or a document that is not as its format wants it.
    """
    shutil.copytree(project / "build" / "package", folder)
    for name in LOCKS:
        shutil.copyfile(project / name, folder / name)
    manifest = read_json(folder / MANIFEST)
    write_json(folder / BOM, bom(manifest, commit, time))
    results = test_results(manifest)
    refuse_malformed(results, TESTS)
    write_json(folder / TESTS, results)
    stated = _provenance(folder, manifest, commit)
    refuse_malformed(stated, PROVENANCE)
    write_json(folder / PROVENANCE, stated)
    if key:
        sign(folder, key)
    write_sums(folder, tree_files(folder))


def content_digest(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of all that follows from the commit: not the signature, nor its digest."""
    names = set(tree_files(folder)) - {SIGNATURE, SUMS}
    return {name: sha256(folder / name) for name in sorted(names)}


def wheels(lock: Path) -> dict[str, list[str]]:
    """Give by package the SHA-256 of every file that a requirements file allows."""
    text = lock.read_text(encoding="utf-8")
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==(.*(?:\n\s.*)*)", text, re.MULTILINE)
    return {
        re.sub(r"[-_.]+", "-", name).lower(): sorted(re.findall(r"sha256:([0-9a-f]{64})", told))
        for name, told in pinned
    }


def _provenance(folder: Path, manifest: dict[str, Any], commit: str) -> dict[str, Any]:
    built = BuildRecord(
        commit=commit,
        manifest=manifest,
        params=yaml.safe_load((folder / "params.yaml").read_bytes()),
        wheels=wheels(folder / "requirements.lock"),
    )
    subjects = {**manifest["files"], MANIFEST: sha256(folder / MANIFEST)}
    return provenance(built, subjects, {n: sha256(folder / n) for n in (*LOCKS, BOM, TESTS)})
