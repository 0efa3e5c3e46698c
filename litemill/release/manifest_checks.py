"""Holding what the documents of a release claim against its files, and against each other.

Digests alone only say that a release is as someone wrote it. Here every claim that the files
themselves can answer is asked again: what each model is, from its own bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import yaml

from litemill.config.release_name import bundle_name
from litemill.core.errors import ReleaseError
from litemill.core.files import sha256
from litemill.release import bom, statement
from litemill.release.c_source import content
from litemill.release.layout import BOM, LOCKS, MANIFEST, PROVENANCE, SIGNATURE, SUMS, TESTS
from litemill.tflite.flatbuffer import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from litemill.tflite.description import Description

OWN = {MANIFEST, *LOCKS, BOM, PROVENANCE, TESTS, SUMS}
LARGEST = 64 << 20  # bytes of a document
MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)


def check_manifest(folder: Path, names: Iterable[str], top: str) -> dict[str, Any]:
    """Give the manifest of a release, once nothing in it is known to be wrong.

    Args:
        folder: the release's files.
        names: theirs.
        top: NAME-VERSION, as the archive calls it.

    Raises:
        ReleaseError: the first claim that does not hold.
        InterpreterError: a variant that is no model.
    """
    manifest: dict[str, Any] = read_document(folder, MANIFEST)
    with _read(MANIFEST):
        release = manifest["release"]
        _same(MANIFEST, "name and version", bundle_name(release["name"], release["version"]), top)
        _files(folder, manifest, set(names))
        for name, entry in manifest["variants"].items():
            _variant(folder, name, entry)
    with _read("params.yaml"):
        params = yaml.load((folder / "params.yaml").read_bytes(), yaml.CSafeLoader)
        _same("params.yaml", "release", params["release"], _without(release, "title"))
        _same("params.yaml", "toolchain", params["toolchain"], manifest["toolchain"])
    _statements(folder, manifest)
    _bom(folder, manifest)
    _lock(folder, manifest)
    return manifest


def provenance_commit(folder: Path) -> str:
    """Give the commit that the provenance names.

    Raises:
        ReleaseError: there is none.
    """
    with _read(PROVENANCE):
        predicate = read_document(folder, PROVENANCE)["predicate"]
        sources = predicate["buildDefinition"]["resolvedDependencies"]
        found = next(one["digest"]["gitCommit"] for one in sources if one["name"] == "source")
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found):
            raise ReleaseError(PROVENANCE, f"commit {found!r}", "expected a Git commit")
        return str(found)


def read_document(folder: Path, name: str) -> Any:
    """Read a JSON document of a release.

    Raises:
        ReleaseError: missing, too large, or not JSON.
    """
    path = folder / name
    if not path.is_file():
        raise ReleaseError(name, "missing")
    if path.stat().st_size > LARGEST:
        raise ReleaseError(name, "too large", f"expected at most {LARGEST} bytes")
    with _read(name):
        return json.loads(path.read_bytes())


@contextlib.contextmanager
def _read(place: str) -> Iterator[None]:
    try:
        yield
    except MALFORMED as error:
        why = f"{type(error).__name__}: {error}"[:200]
        raise ReleaseError(place, f"not as a release writes it ({why})") from None
    except (yaml.YAMLError, StopIteration) as error:
        raise ReleaseError(place, f"not as a release writes it ({error})"[:200]) from None


def _same(place: str, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        told = [json.dumps(one, sort_keys=True, default=str)[:120] for one in (found, expected)]
        raise ReleaseError(place, f"{what} is {told[0]}", f"expected {told[1]}")


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def _files(folder: Path, manifest: Mapping[str, Any], names: set[str]) -> None:
    listed = manifest["files"]
    for name in sorted(names - OWN - {SIGNATURE} - {*listed}):
        raise ReleaseError(name, "added", f"{MANIFEST} does not list it")
    for name in sorted(({*listed} | OWN) - names):
        raise ReleaseError(name, "missing", f"{MANIFEST} lists it, or every release has it")
    for name, digest in listed.items():
        _same(name, "sha256", sha256(folder / name), digest)
    models = {name for name in listed if name.startswith("variants/")}
    told = {entry["file"] for entry in manifest["variants"].values()}
    _same(MANIFEST, "list of variants", sorted(told), sorted(models))


def _variant(folder: Path, name: str, entry: Mapping[str, Any]) -> None:
    place = f"{MANIFEST}, variant {name}"
    _same(place, "file", entry["file"], f"variants/{name}.tflite")
    model = (folder / entry["file"]).read_bytes()
    _same(place, "bytes", entry["bytes"], len(model))
    _same(place, "sha256", entry["sha256"], hashlib.sha256(model).hexdigest())
    for what, value in _described(describe(model, entry["file"]), entry["signature"]).items():
        _same(place, what, entry[what], value)
    failed = [check for check, told in entry["checks"].items() if told["passed"] is not True]
    _same(place, "failed checks", failed, [])
    source = folder / "c" / f"{name}.c"
    if source.is_file() and content(source.read_text(encoding="utf-8")) != model:
        raise ReleaseError(f"c/{name}.c", "not the bytes of the model", f"expected {entry['file']}")


def _described(found: Description, key: str | None) -> dict[str, Any]:
    """Give what the manifest says of a model, from the model."""
    signatures = {one.key: one for one in found.signatures}
    if key is None and not signatures:
        inputs = {tensor.name: tensor for tensor in found.inputs}
        outputs = {tensor.name: tensor for tensor in found.outputs}
    else:
        inputs, outputs = signatures[str(key)].inputs, signatures[str(key)].outputs
    told = {
        "inputs": {name: asdict(tensor) for name, tensor in inputs.items()},
        "outputs": {name: asdict(tensor) for name, tensor in outputs.items()},
        **{k: asdict(found)[k] for k in ("operators", "weights", "min_runtime_version")},
    }
    return dict(json.loads(json.dumps(told)))


def _statements(folder: Path, manifest: Mapping[str, Any]) -> None:
    stated, results = read_document(folder, PROVENANCE), read_document(folder, TESTS)
    statement.refuse_malformed(stated, PROVENANCE)
    statement.refuse_malformed(results, TESTS)
    with _read(PROVENANCE):
        expected = {**manifest["files"], MANIFEST: sha256(folder / MANIFEST)}
        _same(PROVENANCE, "subject", _subjects(stated), expected)
        _same(PROVENANCE, "kind", stated["predicateType"], statement.SLSA)
        predicate = stated["predicate"]
        parts = {n: sha256(folder / n) for n in (*LOCKS, BOM, TESTS)}
        told = {one["name"]: one["digest"] for one in predicate["runDetails"]["byproducts"]}
        for name, digest in parts.items():
            _same(PROVENANCE, name, told[name], {"sha256": digest})
    with _read(TESTS):
        models = {entry["file"]: entry["sha256"] for entry in manifest["variants"].values()}
        _same(TESTS, "subject", _subjects(results), models)
        _same(TESTS, "result", results["predicate"], statement.test_results(manifest)["predicate"])


def _subjects(stated: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["digest"]["sha256"] for one in stated["subject"]}


def _bom(folder: Path, manifest: Mapping[str, Any]) -> None:
    told = read_document(folder, BOM)
    bom.refuse_malformed(told, BOM)
    with _read(BOM):
        model = told["metadata"]["component"]
        release = manifest["release"]
        _same(BOM, "name", model["name"], release["name"])
        _same(BOM, "version", model["version"], release["version"])
        hashes = {one["bom-ref"]: one.get("hashes") for one in told["components"]}
        for entry in manifest["variants"].values():
            expected = [{"alg": "SHA-256", "content": entry["sha256"]}]
            _same(BOM, entry["file"], hashes[entry["file"]], expected)


def _lock(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare with DVC's own record of the build, which has MD5 sums."""
    with _read("dvc.lock"):
        stages = yaml.load((folder / "dvc.lock").read_bytes(), yaml.CSafeLoader)["stages"]
        outs = {one["path"]: one["md5"] for stage in stages.values() for one in stage["outs"]}
        for name, entry in manifest["variants"].items():
            path = f"build/convert/{name}/model.tflite"
            _same("dvc.lock", path, outs[path], _md5(folder / entry["file"]))
        packaged = [*manifest["files"], MANIFEST]
        listed = [{"md5": _md5(folder / name), "relpath": name} for name in sorted(packaged)]
        # How DVC sums up a directory.
        tree = hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest()
        _same("dvc.lock", "build/package", outs["build/package"], f"{tree}.dir")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
