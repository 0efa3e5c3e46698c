"""Compare the evidence of a release (statements, BOM, dvc.lock) with its manifest and files."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from litemill.config.lock import read_pins
from litemill.core.errors import ReleaseError
from litemill.core.files import sha256
from litemill.release.bom import validate_bom
from litemill.release.documents import read_document, refuse_difference, refuse_malformed
from litemill.release.layout import BOM, LOCKS, MANIFEST, PROVENANCE, REPORT, TESTS
from litemill.release.statement import SLSA, test_result_statement, validate_statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check_evidence(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Check every document that `litemill release` added to the bundle.

    Raises:
        ReleaseError, ErrorGroup: claims that do not hold; all of the first document with any.
    """
    _check_provenance(folder, manifest)
    _check_test_results(folder, manifest)
    _check_bom(folder, manifest)
    _check_dvc_lock(folder, manifest)


def provenance_commit(folder: Path) -> str:
    """Return the commit that the provenance names.

    Raises:
        ReleaseError: there is none.
    """
    with refuse_malformed(PROVENANCE):
        predicate = read_document(folder, PROVENANCE)["predicate"]
        sources = predicate["buildDefinition"]["resolvedDependencies"]
        commit = next(one["digest"]["gitCommit"] for one in sources if one["name"] == "source")
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            raise ReleaseError(PROVENANCE, f"commit {commit!r}", "expected a Git commit")
        return str(commit)


def _check_provenance(folder: Path, manifest: Mapping[str, Any]) -> None:
    statement = read_document(folder, PROVENANCE)
    validate_statement(statement, PROVENANCE)
    with refuse_malformed(PROVENANCE):
        files = {**manifest["files"], MANIFEST: sha256(folder / MANIFEST)}
        refuse_difference(PROVENANCE, "subject", _subjects(statement), files)
        refuse_difference(PROVENANCE, "kind", statement["predicateType"], SLSA)
        byproducts = statement["predicate"]["runDetails"]["byproducts"]
        digests = {one["name"]: one["digest"] for one in byproducts}
        for name in (*LOCKS, BOM, TESTS, REPORT):
            refuse_difference(PROVENANCE, name, digests[name], {"sha256": sha256(folder / name)})


def _check_test_results(folder: Path, manifest: Mapping[str, Any]) -> None:
    statement = read_document(folder, TESTS)
    validate_statement(statement, TESTS)
    with refuse_malformed(TESTS):
        models = {entry["file"]: entry["sha256"] for entry in manifest["variants"].values()}
        refuse_difference(TESTS, "subject", _subjects(statement), models)
        expected = test_result_statement(manifest)["predicate"]
        refuse_difference(TESTS, "result", statement["predicate"], expected)


def _subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}


def _check_bom(folder: Path, manifest: Mapping[str, Any]) -> None:
    document = read_document(folder, BOM)
    validate_bom(document, BOM)
    with refuse_malformed(BOM):
        model, release = document["metadata"]["component"], manifest["release"]
        refuse_difference(BOM, "name", model["name"], release["name"])
        refuse_difference(BOM, "version", model["version"], release["version"])
        hashes = {one["bom-ref"]: one.get("hashes") for one in document["components"]}
        for entry in manifest["variants"].values():
            expected = [{"alg": "SHA-256", "content": entry["sha256"]}]
            refuse_difference(BOM, entry["file"], hashes[entry["file"]], expected)
        pinned = {(pin.name, pin.version) for pin in read_pins(folder / "requirements.lock")}
        parts = [part for part in document["components"] if part["type"] == "library"]
        for library in parts:
            if (library["name"], library["version"]) not in pinned:
                found = f"{library['name']} {library['version']}"
                raise ReleaseError(BOM, found, "expected a version that requirements.lock pins")


def _check_dvc_lock(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare with DVC's own record of the build, which has MD5 sums."""
    with refuse_malformed("dvc.lock"):
        stages = yaml.load((folder / "dvc.lock").read_bytes(), yaml.CSafeLoader)["stages"]
        outs = {one["path"]: one["md5"] for stage in stages.values() for one in stage["outs"]}
        for name, entry in manifest["variants"].items():
            path = f"build/convert/{name}/model.tflite"
            refuse_difference("dvc.lock", path, outs[path], _md5(folder / entry["file"]))
        packaged = [*manifest["files"], MANIFEST]
        listed = [{"md5": _md5(folder / name), "relpath": name} for name in sorted(packaged)]
        # How DVC digests a directory.
        tree = hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest()
        refuse_difference("dvc.lock", "build/package", outs["build/package"], f"{tree}.dir")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
