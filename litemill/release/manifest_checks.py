"""Compare the documents of a release with its files, and with each other.

Digests alone only show that a release is as someone wrote it. Here each claim that the files
themselves can answer is checked: what each model is, from its own bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import yaml

from litemill.config.lock import read_pins
from litemill.config.release_name import bundle_name
from litemill.core.errors import ErrorGroup, ReleaseError
from litemill.core.files import sha256
from litemill.release import layout
from litemill.release.bom import validate_bom
from litemill.release.c_source import array_bytes
from litemill.release.json_diff import json_differences, short_json
from litemill.release.layout import BOM, LOCKS, MANIFEST, PARAMS, PROVENANCE, TESTS
from litemill.release.statement import SLSA, test_result_statement, validate_statement
from litemill.tflite.flatbuffer import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from litemill.tflite.description import Description

UNLISTED = {MANIFEST, *LOCKS, BOM, PROVENANCE, TESTS, layout.SUMS}  # in no manifest
MAX_BYTES = 64 << 20  # of a document
MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError)


def check_manifest(folder: Path, names: Iterable[str], top: str) -> dict[str, Any]:
    """Return the manifest of a release after checking each of its claims.

    Args:
        folder: the release's files.
        names: theirs.
        top: NAME-VERSION, the folder in the archive.

    Raises:
        ReleaseError, ErrorGroup: claims that do not hold; all of the first document with any.
        InterpreterError: a variant that is no model.
    """
    manifest: dict[str, Any] = read_document(folder, MANIFEST)
    with _malformed(MANIFEST):
        release = manifest["release"]
        _expect(MANIFEST, "name and version", bundle_name(release["name"], release["version"]), top)
        _check_files(folder, manifest, set(names))
        for name, entry in manifest["variants"].items():
            _check_variant(folder, name, entry)
    params = read_document(folder, PARAMS)
    with _malformed(PARAMS):
        named = {key: value for key, value in release.items() if key != "title"}
        _expect(PARAMS, "release", params["release"], named)
        _expect(PARAMS, "toolchain", params["toolchain"], manifest["toolchain"])
    _check_provenance(folder, manifest)
    _check_test_results(folder, manifest)
    _check_bom(folder, manifest)
    _check_dvc_lock(folder, manifest)
    return manifest


def provenance_commit(folder: Path) -> str:
    """Return the commit that the provenance names.

    Raises:
        ReleaseError: there is none.
    """
    with _malformed(PROVENANCE):
        predicate = read_document(folder, PROVENANCE)["predicate"]
        sources = predicate["buildDefinition"]["resolvedDependencies"]
        commit = next(one["digest"]["gitCommit"] for one in sources if one["name"] == "source")
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            raise ReleaseError(PROVENANCE, f"commit {commit!r}", "expected a Git commit")
        return str(commit)


def read_document(folder: Path, name: str) -> Any:
    """Read a JSON document of a release.

    Raises:
        ReleaseError: missing, too large, or not JSON.
    """
    path = folder / name
    if not path.is_file():
        raise ReleaseError(name, "missing")
    if path.stat().st_size > MAX_BYTES:
        raise ReleaseError(name, "too large", f"expected at most {MAX_BYTES} bytes")
    with _malformed(name):
        return json.loads(path.read_bytes())


@contextlib.contextmanager
def _malformed(place: str) -> Iterator[None]:
    """Turn the errors of reading a document without its expected keys into one of ours."""
    try:
        yield
    except (*MALFORMED, yaml.YAMLError, StopIteration) as error:
        why = f"{type(error).__name__}: {error}"[:200]
        raise ReleaseError(place, f"not as a release writes it ({why})") from None


def _expect(place: str, what: str, found: Any, expected: Any) -> None:
    """Refuse a value that is not the expected one, by each key that differs."""
    errors = [
        ReleaseError(place, f"{path} is {short_json(one)}", f"expected {short_json(other)}")
        for path, one, other in json_differences(found, expected, what)
    ]
    if errors:
        raise ErrorGroup(errors)


def _check_files(folder: Path, manifest: Mapping[str, Any], names: set[str]) -> None:
    listed = manifest["files"]
    errors = [
        ReleaseError(name, "added", f"{MANIFEST} does not list it")
        for name in sorted(names - UNLISTED - {layout.SIGNATURE, *listed})
    ]
    errors += [
        ReleaseError(name, "missing", f"{MANIFEST} lists it, or every release has it")
        for name in sorted(({*listed} | UNLISTED) - names)
    ]
    if errors:
        raise ErrorGroup(errors)
    for name, digest in listed.items():
        _expect(name, "sha256", sha256(folder / name), digest)
    models = sorted(name for name in listed if name.startswith(f"{layout.VARIANTS}/"))
    claimed = sorted({entry["file"] for entry in manifest["variants"].values()})
    _expect(MANIFEST, "list of variants", ", ".join(claimed), ", ".join(models))


def _check_variant(folder: Path, name: str, entry: Mapping[str, Any]) -> None:
    place = f"{MANIFEST}, variant {name}"
    _expect(place, "file", entry["file"], layout.variant_file(name))
    model = (folder / entry["file"]).read_bytes()
    _expect(place, "bytes", entry["bytes"], len(model))
    _expect(place, "sha256", entry["sha256"], hashlib.sha256(model).hexdigest())
    for key, value in _described(describe(model, entry["file"]), entry["signature"]).items():
        _expect(place, key, entry[key], value)
    failed = [check for check, result in entry["checks"].items() if result["passed"] is not True]
    _expect(place, "failed checks", failed, [])
    source = layout.c_files(name)[0]
    path = folder / source
    if path.is_file() and array_bytes(path.read_text(encoding="utf-8")) != model:
        raise ReleaseError(source, "not the bytes of the model", f"expected {entry['file']}")


def _described(model: Description, key: str | None) -> dict[str, Any]:
    """Return what the manifest says of a model, from the model."""
    signatures = {one.key: one for one in model.signatures}
    if key is None and not signatures:
        inputs = {tensor.name: tensor for tensor in model.inputs}
        outputs = {tensor.name: tensor for tensor in model.outputs}
    else:
        inputs, outputs = signatures[str(key)].inputs, signatures[str(key)].outputs
    entry = {
        "inputs": {name: asdict(tensor) for name, tensor in inputs.items()},
        "outputs": {name: asdict(tensor) for name, tensor in outputs.items()},
        **{k: asdict(model)[k] for k in ("operators", "weights", "min_runtime_version")},
    }
    return dict(json.loads(json.dumps(entry)))


def _check_provenance(folder: Path, manifest: Mapping[str, Any]) -> None:
    statement = read_document(folder, PROVENANCE)
    validate_statement(statement, PROVENANCE)
    with _malformed(PROVENANCE):
        files = {**manifest["files"], MANIFEST: sha256(folder / MANIFEST)}
        _expect(PROVENANCE, "subject", _subjects(statement), files)
        _expect(PROVENANCE, "kind", statement["predicateType"], SLSA)
        byproducts = statement["predicate"]["runDetails"]["byproducts"]
        digests = {one["name"]: one["digest"] for one in byproducts}
        for name in (*LOCKS, BOM, TESTS):
            _expect(PROVENANCE, name, digests[name], {"sha256": sha256(folder / name)})


def _check_test_results(folder: Path, manifest: Mapping[str, Any]) -> None:
    statement = read_document(folder, TESTS)
    validate_statement(statement, TESTS)
    with _malformed(TESTS):
        models = {entry["file"]: entry["sha256"] for entry in manifest["variants"].values()}
        _expect(TESTS, "subject", _subjects(statement), models)
        expected = test_result_statement(manifest)["predicate"]
        _expect(TESTS, "result", statement["predicate"], expected)


def _subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}


def _check_bom(folder: Path, manifest: Mapping[str, Any]) -> None:
    document = read_document(folder, BOM)
    validate_bom(document, BOM)
    with _malformed(BOM):
        model, release = document["metadata"]["component"], manifest["release"]
        _expect(BOM, "name", model["name"], release["name"])
        _expect(BOM, "version", model["version"], release["version"])
        hashes = {one["bom-ref"]: one.get("hashes") for one in document["components"]}
        for entry in manifest["variants"].values():
            expected = [{"alg": "SHA-256", "content": entry["sha256"]}]
            _expect(BOM, entry["file"], hashes[entry["file"]], expected)
        pinned = {(pin.name, pin.version) for pin in read_pins(folder / "requirements.lock")}
        libraries = [one for one in document["components"] if one["type"] == "library"]
        for one in libraries:
            if (one["name"], one["version"]) not in pinned:
                found = f"{one['name']} {one['version']}"
                raise ReleaseError(BOM, found, "expected a version that requirements.lock pins")


def _check_dvc_lock(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare with DVC's own record of the build, which has MD5 sums."""
    with _malformed("dvc.lock"):
        stages = yaml.load((folder / "dvc.lock").read_bytes(), yaml.CSafeLoader)["stages"]
        outs = {one["path"]: one["md5"] for stage in stages.values() for one in stage["outs"]}
        for name, entry in manifest["variants"].items():
            path = f"build/convert/{name}/model.tflite"
            _expect("dvc.lock", path, outs[path], _md5(folder / entry["file"]))
        packaged = [*manifest["files"], MANIFEST]
        listed = [{"md5": _md5(folder / name), "relpath": name} for name in sorted(packaged)]
        # How DVC digests a directory.
        tree = hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest()
        _expect("dvc.lock", "build/package", outs["build/package"], f"{tree}.dir")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
