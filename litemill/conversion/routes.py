"""The routes: from which form of the source model the converter starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.schema.variant import Route
from litemill.conversion import tflite_converter

if TYPE_CHECKING:
    from litemill.conversion.tflite_converter import ConverterOptions
    from litemill.models.exported_model import ExportedModel

# Their converters call every signature serving_default.
RENAMING = (Route.keras, Route.concrete_function)


def convert_by_route(route: Route, model: ExportedModel, options: ConverterOptions) -> bytes:
    """Convert an exported model.

    Raises:
        ModelError: the model does not have that form.
        ConversionError: the program `tflite_convert` failed.
        ConverterError: the converter failed.
    """
    if route is Route.keras:
        return tflite_converter.convert_keras_model(model.keras_model(), options)
    if route is Route.concrete_function:
        function = model.concrete_function()
        return tflite_converter.convert_concrete_function(function, function.trackable, options)
    if route is Route.cli:
        return tflite_converter.run_tflite_convert(model.saved_model, model.key)
    return tflite_converter.convert_saved_model(model.saved_model, model.key, options)
