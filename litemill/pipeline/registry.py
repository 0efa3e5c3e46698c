"""The `artifacts:` of dvc.yaml, by which registries find a variant, held against `variants`.

DVC fills no templates into a list of entries that grows, so they are written by hand; a name there
has no underscores (GTO's rule, since it becomes a Git tag).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def artifact_name(variant: str) -> str:
    """Give the name of a variant in a registry: `int8-float-io` for int8_float_io."""
    return variant.replace("_", "-").lower()


def differences(root: Path, variants: Iterable[str]) -> Iterator[str]:
    """Tell which variants dvc.yaml has no artifact for, and which artifacts nothing makes."""
    entries = yaml.safe_load((root / "dvc.yaml").read_bytes()).get("artifacts") or {}
    paths = {entry["path"]: name for name, entry in entries.items()}
    wanted = {f"build/convert/{name}/model.tflite": artifact_name(name) for name in variants}
    for path, name in wanted.items():
        if path not in paths:
            told = f"expected `{name}: {{path: {path}, type: model}}`"
            yield f"dvc.yaml: artifacts: no registry finds {path}; {told}"
    for path, name in paths.items():
        if path.startswith("build/convert/") and path not in wanted:
            yield f"dvc.yaml: artifacts.{name}: {path} is no variant of params.yaml; remove it"
