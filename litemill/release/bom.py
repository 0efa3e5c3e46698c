"""The ML-BOM of a release: CycloneDX 1.6, with a model card.

cyclonedx-python-lib writes everything but the model card, which it does not know; that is added to
its JSON, and the whole is held against the strict schema that the library ships.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

MODEL = "model"


def bom(manifest: Mapping[str, Any], commit: str, time: int) -> dict[str, Any]:
    """Give the BOM as JSON.

    Args:
        manifest: of the package.
        commit: which commit was built; with the variants' digests it makes the serial number.
        time: of the release, seconds since 1970.

    Raises:
        ReleaseError: the result is not as the schema wants it.
    """
    from cyclonedx.output.json import JsonV1Dot6

    told = json.loads(JsonV1Dot6(_bom(manifest, commit, time)).output_as_string())
    told["metadata"]["component"]["modelCard"] = _card(manifest)
    # Lists that the library keeps as sets come sorted from it; digests of the content follow.
    refuse_malformed(told, "bom.cdx.json")
    return dict(told)


def refuse_malformed(told: Any, place: str) -> None:
    """Hold a BOM against the strict schema of CycloneDX 1.6.

    Raises:
        ReleaseError: with the first departure.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(told)):
        why = str(error.data.message) if hasattr(error.data, "message") else str(error.data)
        raise ReleaseError(place, f"not a CycloneDX 1.6 BOM ({why[:200]})")


def _bom(manifest: Mapping[str, Any], commit: str, time: int) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import ComponentType

    digests = [entry["sha256"] for entry in manifest["variants"].values()]
    release = manifest["release"]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"litemill:{commit}:{':'.join(digests)}")
    model = _model(release)
    variants = [
        _hashed(ComponentType.MACHINE_LEARNING_MODEL, entry["file"], entry["sha256"], name)
        for name, entry in manifest["variants"].items()
    ]
    data = [
        _hashed(ComponentType.DATA, f"data/{name}", split["sha256"], name)
        for name, split in manifest["data"].get("splits", {}).items()
    ]
    packages = _packages(manifest["toolchain"])
    built = Bom(
        serial_number=serial,
        version=1,
        metadata=BomMetaData(component=model, timestamp=datetime.fromtimestamp(time, UTC)),
        components=[*variants, *data, *packages],
    )
    built.register_dependency(model, variants)
    for variant in variants:
        built.register_dependency(variant, [*data, *packages])
    return built


def _model(release: Mapping[str, Any]) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType

    known = release.get("license")
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=release["name"],
        version=release["version"],
        description=release.get("description") or None,
        licenses=[LicenseFactory().make_from_string(known)] if known else [],
        bom_ref=MODEL,
    )


def _hashed(kind: ComponentType, ref: str, digest: str, name: str) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component

    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
    return Component(type=kind, name=name, hashes=hashes, bom_ref=ref)


def _packages(toolchain: Mapping[str, Mapping[str, str]]) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    versions = {name: version for stage in toolchain.values() for name, version in stage.items()}
    return [
        Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("pypi", None, name, version),
            bom_ref=f"pkg:pypi/{name}@{version}",
        )
        for name, version in sorted(versions.items())
    ]


def _card(manifest: Mapping[str, Any]) -> dict[str, Any]:
    release, data, metric = manifest["release"], manifest["data"], manifest["metric"]
    considerations = {
        "useCases": [release["intended_use"]] if release.get("intended_use") else [],
        "technicalLimitations": [release["limitations"]] if release.get("limitations") else [],
    }
    first: Mapping[str, Any] = next(iter(manifest["variants"].values()))
    return {
        "modelParameters": {
            "task": data.get("task", ""),
            "datasets": [{"ref": f"data/{name}"} for name in data.get("splits", {})],
            "inputs": _formats(first["inputs"]),
            "outputs": _formats(first["outputs"]),
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {"type": metric["name"], "value": str(entry["metrics"]["metric"]), "slice": name}
                for name, entry in manifest["variants"].items()
                if metric and entry["metrics"].get("metric") is not None
            ]
        },
        "considerations": {key: value for key, value in considerations.items() if value},
    }


def _formats(tensors: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"format": f"{name}: {tensor['dtype']} {tensor['shape']}"}
        for name, tensor in tensors.items()
    ]
