"""The converter told to leave layers in float, as TensorFlow's `QuantizationDebugger` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.conversion.float_layers import FloatLayers


def with_denylist(prepare: Callable[[Any], None], islands: FloatLayers) -> Callable[[Any], None]:
    """Give a function that sets a converter's options, and which layers it does not quantize.

    The converter calibrates a float file and quantizes that. Its own debugger takes the same two
    steps, and passes names of outputs to the second (`denylisted_nodes`); but it forgets the types
    of inputs and outputs, scales of dense layers and the metadata. So the second step is replaced
    within the converter: without any layer, the bytes are those of an ordinary conversion.
    """

    def prepared(converter: Any) -> None:
        prepare(converter)
        original = converter._quantize  # noqa: SLF001  # as in the debugger: no public name

        def quantize(model: bytes, *options: Any) -> bytes:
            converter._experimental_calibrate_only = True  # noqa: SLF001
            calibrated = bytes(original(model, *options))
            return _quantized(converter, calibrated, islands, *options)

        converter._quantize = quantize  # noqa: SLF001

    return prepared


def _quantized(
    converter: Any,
    calibrated: bytes,
    islands: FloatLayers,
    input_type: Any,
    output_type: Any,
    *rest: Any,
) -> bytes:
    """Do what `TFLiteConverterBase._quantize` does with a calibrated file, but for some layers."""
    from tensorflow.lite.python.convert import mlir_quantize

    *_, variables, debug = rest
    per_tensor = converter._experimental_disable_per_channel_quantization_for_dense_layers  # noqa: SLF001
    return bytes(
        mlir_quantize(
            calibrated,
            converter._experimental_disable_per_channel,  # noqa: SLF001
            input_data_type=input_type,
            output_data_type=output_type,
            denylisted_nodes=[layer.name for layer in islands.find(calibrated)],
            enable_variable_quantization=variables,
            disable_per_channel_for_dense_layers=per_tensor,
            debug_options_str=debug.SerializeToString(),
        )
    )
