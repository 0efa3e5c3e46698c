"""The in-toto statements of a release: how it was built, and which checks it passed.

Formats: in-toto attestation framework 1 (Statement), SLSA provenance 1, in-toto test result 0.1.
Each statement is parsed by the framework's library before it is written, so that no field is
misspelt or of another type. The provenance claims no SLSA level: a person's own machine is no
hosted build platform, and nothing here proves that the statement was not written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.config.lock import distribution
from litemill.core.errors import ReleaseError
from litemill.core.version import VERSION
from litemill.release.layout import PARAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.config.lock import Pin

STATEMENT = "https://in-toto.io/Statement/v1"
SLSA = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
BUILD_TYPE = "urn:litemill:dvc-repro:v1"  # docs/releases.md says what its parameters mean
BUILDER = "urn:litemill:unattested-machine"


@dataclass(frozen=True)
class BuildRecord:
    """What the provenance says of a build."""

    commit: str  # the one that was built
    manifest: Mapping[str, Any]  # of the package
    params: Mapping[str, Any]  # the resolved parameters
    pins: Mapping[str, Pin]  # packages that requirements.lock pins here, by name


def provenance_statement(
    build: BuildRecord, subjects: Mapping[str, str], files: Mapping[str, str]
) -> dict[str, Any]:
    """State how the files were built.

    `subjects` and `files` are SHA-256 by name: of the package's files, and of the release's others.
    """
    inner = ("numerics", "toolchain")
    parameters = {key: value for key, value in build.params.items() if key not in inner}
    sources = sorted(build.manifest["source"].items())
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"command": "dvc repro", "parameters": parameters},
            "internalParameters": {n: v for n, v in build.params.items() if n in inner},
            "resolvedDependencies": [
                _source(build),
                *_packages(build),
                *_data(build.manifest),
            ],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"litemill": VERSION}},
            "byproducts": [
                *(_descriptor(f"build/{n}", d) for n, d in sources),
                *(_descriptor(name, digest) for name, digest in sorted(files.items())),
            ],
        },
    }
    return _statement(subjects, SLSA, predicate)


def test_result_statement(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """State which checks the variants passed; a variant that failed a check is in no release."""
    passed = [
        f"{variant}.{check}"
        for variant, entry in manifest["variants"].items()
        for check in entry["checks"]
    ]
    predicate = {
        "result": "PASSED",
        "configuration": [_descriptor(PARAMS, manifest["files"][PARAMS])],
        "passedTests": sorted(passed),
        "warnedTests": [],
        "failedTests": [],
    }
    subjects = {entry["file"]: entry["sha256"] for entry in manifest["variants"].values()}
    return _statement(subjects, TEST_RESULT, predicate)


def validate_statement(statement: Any, place: str) -> None:
    """Parse a statement, and its predicate, as the library's own types.

    Raises:
        ReleaseError: an unknown field, a value of another type, or a subject without a digest.
    """
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    predicates = {SLSA: provenance_pb2.Provenance, TEST_RESULT: test_result_pb2.TestResult}
    try:
        message = json_format.ParseDict(statement, statement_pb2.Statement())
        Statement.copy_from_pb(message).validate()
        json_format.ParseDict(statement["predicate"], predicates[statement["predicateType"]]())
    except (json_format.ParseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(place, f"not an in-toto statement ({error})") from None


def _statement(subjects: Mapping[str, str], kind: str, predicate: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": [_descriptor(name, digest) for name, digest in sorted(subjects.items())],
        "predicateType": kind,
        "predicate": predicate,
    }


def _descriptor(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def _source(build: BuildRecord) -> dict[str, Any]:
    source: dict[str, Any] = {"name": "source", "digest": {"gitCommit": build.commit}}
    if repository := build.manifest["release"].get("repository"):
        source["uri"] = f"git+{repository}@{build.commit}"
    return source


def _packages(build: BuildRecord) -> list[dict[str, Any]]:
    """List the toolchain; a package has several files, of which requirements.lock allows each."""
    stages = build.manifest["toolchain"].values()
    versions = {
        distribution(name, build.pins): version
        for stage in stages
        for name, version in stage.items()
    }
    return [
        {
            "name": name,
            "uri": f"pkg:pypi/{name}@{version}",
            "annotations": {"allowed_sha256": _hashes(name, build)},
        }
        for name, version in sorted(versions.items())
    ]


def _hashes(name: str, build: BuildRecord) -> list[str]:
    return [*build.pins[name].hashes] if name in build.pins else []


def _data(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    over = {"over": "names, types, shapes and values of a split's arrays"}
    splits = manifest["data"].get("splits", {})
    return [
        {**_descriptor(f"data/{name}", split["sha256"]), "annotations": over}
        for name, split in sorted(splits.items())
    ]
