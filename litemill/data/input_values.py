"""Describe how an application gets from its data to a model's inputs, as the build did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe_preprocessing(data: Mapping[str, Any]) -> dict[str, str]:
    """Describe the preprocessing of each input that declares one.

    Args:
        data: what data.json holds; `preprocessing` is missing in those of earlier versions.
    """
    declared = data.get("preprocessing") or {}
    return {name: "; ".join(_steps(dict(values))) for name, values in declared.items()}


def _steps(values: dict[str, Any]) -> list[str]:
    """List the steps in their order; what a loader of the project declares besides, as it is."""
    steps = []
    if values.pop("exif_orientation", "ignored") == "applied":
        steps.append("rotate as EXIF says")
    if size := values.pop("size", None):
        steps.append(f"resize to {size[0]} x {size[1]} (height x width, {values.get('resize')})")
    if order := values.pop("order", None):
        steps.append(f"{order} channels" if order != "grey" else "one grey channel")
    if "scale" in values:
        steps.append(_formula(values))
    for key in ("resize", "exif_oriented_images", "preset", "scale", "mean", "std"):
        values.pop(key, None)
    return steps + [f"{key}: {value}" for key, value in sorted(values.items())]


def _formula(values: Mapping[str, Any]) -> str:
    text = f"(value * {values['scale']} - {_numbers(values, 'mean', 0)})"
    text += f" / {_numbers(values, 'std', 1)}"
    preset = values.get("preset")
    return f"{text}, the preset `{preset}`" if preset else text


def _numbers(values: Mapping[str, Any], key: str, default: float) -> str:
    numbers = values.get(key) or [default]
    texts = [f"{number:g}" for number in numbers]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
