"""What `export` leaves for the stages after it: signatures and reference outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import read_json
from litemill.data.sample_matching import match_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.data.samples import Samples


def signature_folder(export: Path, key: str | None) -> Path:
    """Give the folder of a signature: the one that the model is known by, also as None, or another.

    Raises:
        LitemillError: nothing is exported.
    """
    if key is None or key == read_json(export / "signature.json")["key"]:
        return export
    return export / "signatures" / key


def read_signature(export: Path, key: str | None) -> dict[str, Any]:
    """Read {"key", "inputs", "outputs"} of a signature.

    Raises:
        LitemillError: there is no such file.
    """
    signature: dict[str, Any] = read_json(signature_folder(export, key) / "signature.json")
    return signature


def match_samples(samples: Samples, signature: dict[str, Any]) -> Samples:
    """Give samples as a signature takes them.

    Raises:
        ModelError: names, shapes or types differ.
    """
    subset = bool(signature.get("subset"))
    return match_inputs(
        samples, signature["inputs"], f"signature {signature['key']}", subset=subset
    )
