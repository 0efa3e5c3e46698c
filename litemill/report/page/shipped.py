"""What an application has to know: inputs and outputs of each variant, preprocessing, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.data.input_values import describe_preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]


def shipped_interface(measurements: Mapping[str, Row], data: Mapping[str, Any]) -> Row | None:
    """Return tensors by variant, preprocessing by input and the labels; None if nothing is known.

    Args:
        measurements: what validate wrote, by variant.
        data: what data.json holds.
    """
    tensors = [
        {**tensor, "variant": variant, "kind": kind, "stored": _stored(tensor)}
        for variant, measured in measurements.items()
        for kind, key in (("input", "inputs"), ("output", "outputs_detail"))
        for tensor in measured.get(key) or []
    ]
    labels, preprocessing = data.get("classes") or [], describe_preprocessing(data)
    if not (tensors or labels or preprocessing):
        return None
    return {"tensors": tensors, "labels": labels, "preprocessing": preprocessing}


def _stored(tensor: Row) -> str:
    """Write how an application gets from real values to stored ones."""
    if tensor.get("scale") is None:
        return "real values"
    return f"round(value / {tensor['scale']:.6g}) + {tensor['zero_point']}"
