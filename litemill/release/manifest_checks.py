"""Compare the documents of a release with its files, and with each other.

Digests alone only show that a release is as someone wrote it. Here each claim that the files
themselves can answer is checked: what each model is, from its own bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from litemill.config.release_name import bundle_name
from litemill.core.errors import ErrorGroup, ReleaseError
from litemill.core.files import sha256
from litemill.release import layout
from litemill.release.c_source import array_bytes
from litemill.release.documents import read_document, refuse_difference, refuse_malformed
from litemill.release.evidence_checks import check_evidence
from litemill.release.layout import BOM, LOCKS, MANIFEST, PARAMS, PROVENANCE, REPORT, TESTS
from litemill.tflite.flatbuffer import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from litemill.tflite.description import Description

UNLISTED = {MANIFEST, *LOCKS, BOM, PROVENANCE, REPORT, TESTS, layout.SUMS}  # in no manifest


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
    with refuse_malformed(MANIFEST):
        release = manifest["release"]
        refuse_difference(
            MANIFEST, "name and version", bundle_name(release["name"], release["version"]), top
        )
        _check_files(folder, manifest, set(names))
        for name, entry in manifest["variants"].items():
            _check_variant(folder, name, entry)
    params = read_document(folder, PARAMS)
    with refuse_malformed(PARAMS):
        named = {key: value for key, value in release.items() if key != "title"}
        refuse_difference(PARAMS, "release", params["release"], named)
        refuse_difference(PARAMS, "toolchain", params["toolchain"], manifest["toolchain"])
    check_evidence(folder, manifest)
    return manifest


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
        refuse_difference(name, "sha256", sha256(folder / name), digest)
    models = sorted(name for name in listed if name.startswith(f"{layout.VARIANTS}/"))
    claimed = sorted({entry["file"] for entry in manifest["variants"].values()})
    refuse_difference(MANIFEST, "list of variants", ", ".join(claimed), ", ".join(models))
    compiled = sorted(name for name in listed if name.startswith(f"{layout.COMPILED}/"))
    records = [entry["compiled"] for entry in manifest["variants"].values() if "compiled" in entry]
    claimed = sorted({record["file"] for record in records})
    refuse_difference(MANIFEST, "list of compiled files", ", ".join(claimed), ", ".join(compiled))


def _check_variant(folder: Path, name: str, entry: Mapping[str, Any]) -> None:
    place = f"{MANIFEST}, variant {name}"
    refuse_difference(place, "file", entry["file"], layout.variant_file(name))
    model = (folder / entry["file"]).read_bytes()
    refuse_difference(place, "bytes", entry["bytes"], len(model))
    refuse_difference(place, "sha256", entry["sha256"], hashlib.sha256(model).hexdigest())
    for key, value in _described(describe(model, entry["file"]), entry["signature"]).items():
        refuse_difference(place, key, entry[key], value)
    failed = [check for check, result in entry["checks"].items() if result["passed"] is not True]
    refuse_difference(place, "failed checks", failed, [])
    stored, deployed = entry["file"], model
    if compiled := entry.get("compiled"):
        stored = compiled["file"]
        deployed = (folder / stored).read_bytes()
        refuse_difference(place, "compiled file", stored, layout.compiled_file(name))
        digest = hashlib.sha256(deployed).hexdigest()
        refuse_difference(place, "sha256 of the compiled file", compiled["sha256"], digest)
        refuse_difference(place, "bytes of the compiled file", compiled["bytes"], len(deployed))
    source = layout.c_file(name, ".c")
    path = folder / source
    if path.is_file() and array_bytes(path.read_text(encoding="utf-8")) != deployed:
        raise ReleaseError(source, "not the bytes of the model", f"expected {stored}")


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
        **{k: model.as_json()[k] for k in ("operators", "weights", "min_runtime_version")},
    }
    return dict(json.loads(json.dumps(entry)))
