"""The error of each layer as node data of Model Explorer, laid over the graph of a variant.

Node data is what `ModelNodeData` of the package ai-edge-model-explorer writes as JSON: for each
graph its `results` by output tensor, and a `gradient` from the smallest value to the largest.
https://github.com/google-ai-edge/model-explorer/wiki/2.-User-Guide (Custom node data)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from litemill.config.release_name import overlay_name
from litemill.core.files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GRAPH = "main"  # what the converter calls the graph that Model Explorer shows first
GRADIENT = [
    {"stop": 0, "bgColor": "#ffffff", "textColor": "#16191d"},
    {"stop": 1, "bgColor": "#c62840", "textColor": "#ffffff"},
]


def layer_overlay(layers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the overlay of a variant; None where no layer was compared.

    A layer's value is its root mean square error in percent of its signal, 100 / 10^(SNR / 20).

    Args:
        layers: as validate writes them.
    """
    results = {
        layer["tensor"]: {"value": error}
        for layer in layers
        if (error := _error_percent(layer)) is not None
    }
    return {GRAPH: {"results": results, "gradient": GRADIENT}} if results else None


def write_overlays(folder: Path, measurements: Mapping[str, dict[str, Any]]) -> None:
    """Write the overlay of each variant whose layers were compared.

    Args:
        folder: where to write; it is made.
        measurements: what validate wrote, by variant.
    """
    folder.mkdir(parents=True)
    for variant, measured in measurements.items():
        if overlay := layer_overlay(measured.get("layers") or []):
            write_json(folder / overlay_name(variant), overlay)


def _error_percent(layer: dict[str, Any]) -> float | None:
    if layer["max_abs_error"] == 0:
        return 0.0
    if layer["snr_db"] is None:
        return None
    return float(f"{100 * math.pow(10, -layer['snr_db'] / 20):.4g}")
