"""What the manifest says of a variant."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from litemill.release import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.release.golden import Golden

METRICS = ("metric", "source_metric", "drop", "agreement", "snr_db", "max_abs_error", "outputs")
TARGET = ("name", "kind", "kernels", "arena_bytes")
COMPILED = ("target", "sha256", "bytes", "npu_share")
ESTIMATED = ("ms", "cycles", "sram_bytes")


def manifest_entry(row: Mapping[str, Any], golden: Golden) -> dict[str, Any]:
    """Return the entry of a variant, from its row of the report and its golden samples."""
    description = golden.model.description.as_json()
    target, compiled = row.get("target"), row.get("compile")
    return {
        "file": layout.variant_file(row["variant"]),
        "sha256": row["sha256"],
        "bytes": row["bytes"],
        "signature": golden.model.signature,
        "inputs": _as_dicts(golden.model.inputs),
        "outputs": _as_dicts(golden.model.outputs),
        **{key: description[key] for key in ("operators", "weights", "min_runtime_version")},
        "metrics": {key: row[key] for key in METRICS},
        "checks": row["checks"],
        **({"target": {key: target[key] for key in TARGET}} if target else {}),
        **({"compiled": _compiled_entry(row["variant"], compiled)} if compiled else {}),
    }


def _compiled_entry(variant: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": layout.compiled_file(variant),
        **{key: record[key] for key in COMPILED},
        "vela_estimate": {key: record[key] for key in ESTIMATED},
    }


def _as_dicts(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: dataclasses.asdict(tensor) for name, tensor in tensors.items()}
