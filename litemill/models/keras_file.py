"""`.keras` files of the same bytes for the same model."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.files import atomic_replace

if TYPE_CHECKING:
    import keras

# The earliest time that a zip entry can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_keras_file(model: keras.Model, path: Path) -> None:
    """Save a model as Keras does, without what differs from run to run.

    Keras writes the time into metadata.json and into every zip entry, which nothing reads, and
    names shared objects in config.json by their address in memory.
    """
    with tempfile.TemporaryDirectory() as folder, atomic_replace(path) as fresh:
        saved = Path(folder) / "model.keras"
        model.save(saved)
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(fresh, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = _without_time(content)
                if name == "config.json":
                    content = _with_numbered_objects(content)
                target.writestr(zipfile.ZipInfo(name, _EPOCH), content)


def _without_time(content: bytes) -> bytes:
    metadata = json.loads(content)
    metadata["date_saved"] = "1980-01-01@00:00:00"
    return json.dumps(metadata, sort_keys=True).encode()


def _with_numbered_objects(content: bytes) -> bytes:
    numbers: dict[int, int] = {}

    def renumber(value: Any) -> Any:
        if isinstance(value, list):
            return [renumber(item) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(address := value.get("shared_object_id"), int):
            value["shared_object_id"] = numbers.setdefault(address, len(numbers))
        return {key: renumber(item) for key, item in value.items()}

    return json.dumps(renumber(json.loads(content))).encode()
