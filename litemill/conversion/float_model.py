"""The float file of the source model's graph, with which `validate` compares layer by layer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from litemill.core.files import atomic_replace, write_json

if TYPE_CHECKING:
    from pathlib import Path

NAME = "float"


def write_float_model(saved_model: Path, key: str, out: Path) -> None:
    """Convert a signature without any optimization; write float/record.json and model.tflite.

    A graph that has no plain conversion leaves the reason in the record, and no file: variants of
    it may still be made, by other options, and are compared by their answers alone.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    with atomic_replace(out / NAME) as folder:
        folder.mkdir()
        failed = None
        try:
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(saved_model), signature_keys=[key]
            )
            (folder / "model.tflite").write_bytes(converter.convert())
        except (ConverterError, ValueError, RuntimeError) as error:
            failed = _told(error)
        write_json(folder / "record.json", {"error": failed})


def _told(error: Exception) -> str:
    """Name what has no operator; not in the converter's words, which number functions anew."""
    lacking = sorted(set(re.findall(r"'tf\.(\w+)' op", str(error))))
    if lacking:
        return f"no TensorFlow Lite operator for {', '.join(lacking)}"
    return f"the converter failed ({type(error).__name__})"
