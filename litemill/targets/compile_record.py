"""What the stage compile recorded of a variant; read without the compiler's imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import read_json

if TYPE_CHECKING:
    from pathlib import Path

RECORD = "record.json"


def read_record(folder: Path, variant: str) -> dict[str, Any] | None:
    """Read what compiling a variant gave; None where nothing is compiled for its target."""
    path = folder / variant / RECORD
    return dict(read_json(path)) if path.exists() else None
