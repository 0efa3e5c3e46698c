"""The ML-BOM of a release: CycloneDX 1.6, with a model card.

cyclonedx-python-lib writes everything but the model card, which it does not know; that is added to
its JSON, and the whole is validated with the strict schema that the library ships.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from litemill.config.lock import distribution
from litemill.core.errors import ReleaseError
from litemill.release.layout import BOM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    from litemill.config.lock import Pin

MODEL = "model"


def build_bom(
    manifest: Mapping[str, Any], commit: str, time: int, pins: Mapping[str, Pin]
) -> dict[str, Any]:
    """Build the BOM as JSON.

    Args:
        manifest: of the package.
        commit: the one that was built; with the variants' digests it makes the serial number.
        time: of the release, seconds since 1970.
        pins: packages that requirements.lock pins here, by name.

    Raises:
        ReleaseError: the result violates the schema.
    """
    from cyclonedx.output.json import JsonV1Dot6

    # The library sorts the lists that it keeps as sets.
    document = json.loads(JsonV1Dot6(_bom(manifest, commit, time, pins)).output_as_string())
    document["metadata"]["component"]["modelCard"] = _card(manifest)
    validate_bom(document, BOM)
    return dict(document)


def validate_bom(document: Any, place: str) -> None:
    """Validate a BOM with the strict schema of CycloneDX 1.6.

    Raises:
        ReleaseError: with the first violation.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)):
        why = str(error.data.message) if hasattr(error.data, "message") else str(error.data)
        raise ReleaseError(place, f"not a CycloneDX 1.6 BOM ({why[:200]})")


def _bom(manifest: Mapping[str, Any], commit: str, time: int, pins: Mapping[str, Pin]) -> Bom:
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
    packages = {name: _package(pin) for name, pin in sorted(pins.items())}
    names = {distribution(n, pins) for stage in manifest["toolchain"].values() for n in stage}
    toolchain = [package for name, package in packages.items() if name in names]
    document = Bom(
        serial_number=serial,
        version=1,
        metadata=BomMetaData(component=model, timestamp=datetime.fromtimestamp(time, UTC)),
        components=[*variants, *data, *packages.values()],
    )
    document.register_dependency(model, variants)
    for variant in variants:
        document.register_dependency(variant, [*data, *toolchain])
    return document


def _model(release: Mapping[str, Any]) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType

    name = release.get("license")
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=release["name"],
        version=release["version"],
        description=release.get("description") or None,
        licenses=[LicenseFactory().make_from_string(name)] if name else [],
        bom_ref=MODEL,
    )


def _hashed(kind: ComponentType, ref: str, digest: str, name: str) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component

    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
    return Component(type=kind, name=name, hashes=hashes, bom_ref=ref)


def _package(pin: Pin) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL("pypi", None, pin.name, pin.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        purl=purl,
        bom_ref=purl.to_string(),
    )


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
