"""The float file of the source model's graph, with which `validate` compares layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.conversion.tflite_converter import ConverterError, convert_saved_model
from litemill.core.files import atomic_replace, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.models.exported_model import ExportedModel

NAME = "float"


def write_float_model(model: ExportedModel, out: Path) -> None:
    """Convert a signature without any optimization; write float/record.json and model.tflite.

    A graph that has no plain conversion leaves the reason in the record, and no file: variants of
    it may still be made, by other options, and are compared by their outputs alone.
    """
    with atomic_replace(out / NAME) as folder:
        folder.mkdir()
        failure = None
        try:
            (folder / "model.tflite").write_bytes(convert_saved_model(model.saved_model, model.key))
        except ConverterError as error:
            failure = _reason(error)
        write_json(folder / "record.json", {"error": failure})


def _reason(error: ConverterError) -> str:
    """Name what has no operator; not in the converter's words, which number functions anew."""
    if error.missing:
        return f"no TensorFlow Lite operator for {', '.join(error.missing)}"
    return f"the converter failed ({error.kind})"
