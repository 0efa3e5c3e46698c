"""The bundle's README: what a device engineer does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.data.input_values import describe_preprocessing
from litemill.release.layout import PACKAGED
from litemill.release.render import render

if TYPE_CHECKING:
    from collections.abc import Mapping


def bundle_readme(manifest: Mapping[str, Any], samples: int) -> str:
    """Write the bundle's README.md.

    Args:
        manifest: the bundle's manifest.
        samples: how many golden samples the bundle has.
    """
    data = manifest.get("data") or {}
    return render(
        "bundle_readme.md.j2",
        release=manifest["release"],
        variants=manifest["variants"],
        contents=PACKAGED,
        preprocessing=describe_preprocessing(data),
        classes=data.get("classes"),
        samples=samples,
        micro=[name for name, entry in manifest["variants"].items() if "target" in entry],
    )
