"""TensorFlow's converter behind one interface: no other module of Litemill calls `tf.lite`.

tf.lite will leave TensorFlow one day. What is used of it beyond its public interface is here too:
the switch of per-channel dense layers, and quantization with denylisted nodes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import CALIBRATED, Optimization, Variant
from litemill.core.errors import ConversionError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LOOP = "TensorListReserve' op requires element_shape to be static"


# Types of floating point that TensorFlow Lite's operators do not compute in, by MLIR's names.
TYPES = {"f16": "float16", "bf16": "bfloat16", "f64": "float64"}


@dataclass(frozen=True)
class ConverterOptions:
    """What a converter is set to.

    Attributes:
        variant: the conversion options.
        representative_dataset: where the variant is calibrated; iterates inputs by name.
        denylist: returns the nodes of a calibrated float file that stay in float, by the names of
            their outputs; None quantizes all that can be.
        before_calibration: is called with the float file that is to be calibrated; may refuse it.
    """

    variant: Variant
    representative_dataset: Callable[[], Iterator[dict[str, Any]]] | None = None
    denylist: Callable[[bytes], Iterable[str]] | None = None
    before_calibration: Callable[[bytes], None] | None = None


class ConverterError(Exception):
    """The converter failed.

    Attributes:
        select_tf_ops: operators that TensorFlow's kernels could run.
        custom_ops: operators that an application would have to bring.
        missing: operators that TensorFlow Lite has not, however the converter says so.
        computes_in: the type other than float32 that all of `select_tf_ops` compute in, if there is
            one: TensorFlow Lite may well have these operators, but not of that type.
        not_in_int16: operator that int16x8 lacks; empty where that is not the cause.
        unbounded_loop: whether a loop over lists of any size is the cause.
        kind: type of the converter's own error.
    """

    def __init__(self, error: Exception) -> None:
        """Read the fields out of the converter's error."""
        text = str(error)
        super().__init__(first_line(error))
        self.kind = type(error).__name__
        self.select_tf_ops = _operators("TF Select ops", text)
        self.custom_ops = _operators("Custom ops", text)
        self.missing = tuple(sorted(set(re.findall(r"'tf\.(\w+)' op", text))))
        self.computes_in = _common_type(self.select_tf_ops, text)
        self.unbounded_loop = _LOOP in text
        lacks = re.search(r"16x8-bit not yet supported for op: '(\w+)'", text)
        self.not_in_int16 = lacks[1] if lacks else ""


def convert_saved_model(folder: Path, key: str, options: ConverterOptions | None = None) -> bytes:
    """Convert a signature of a SavedModel: `TFLiteConverter.from_saved_model`.

    Raises:
        ConverterError: the converter failed.
    """
    import tensorflow as tf

    return _convert(
        lambda: tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[key]), options
    )


def convert_keras_model(model: Any, options: ConverterOptions | None = None) -> bytes:
    """Convert a Keras model: `TFLiteConverter.from_keras_model`.

    Raises:
        ConverterError: the converter failed.
    """
    import tensorflow as tf

    return _convert(lambda: tf.lite.TFLiteConverter.from_keras_model(model), options)


def convert_concrete_function(
    function: Any, trackable: Any, options: ConverterOptions | None = None
) -> bytes:
    """Convert a concrete function: `TFLiteConverter.from_concrete_functions`.

    Args:
        function: the function.
        trackable: what holds its weights. A Keras 3 model in that place converts without an error
            to a file without weights.
        options: settings.

    Raises:
        ConverterError: the converter failed.
    """
    import tensorflow as tf

    return _convert(
        lambda: tf.lite.TFLiteConverter.from_concrete_functions([function], trackable), options
    )


def run_tflite_convert(folder: Path, key: str) -> bytes:
    """Convert with the program `tflite_convert`, which has no quantization flags.

    Raises:
        ConversionError: the program failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.tflite"
        command = [
            str(Path(sys.executable).with_name("tflite_convert")),
            f"--saved_model_dir={folder}",
            f"--saved_model_signature_key={key}",
            f"--output_file={file}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not file.exists():
            sys.stderr.write(done.stdout + done.stderr)
            cause = subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)
            message = f"exit status {done.returncode}"
            raise ConversionError("tflite_convert", message, "see its output above") from cause
        return file.read_bytes()


def _convert(start: Callable[[], Any], options: ConverterOptions | None) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError as TensorFlowsError

    try:
        converter = start()  # a fresh one each time: it keeps its settings
        if options is not None:
            _set(converter, options)
        return bytes(converter.convert())
    except (TensorFlowsError, ValueError, RuntimeError) as error:
        raise ConverterError(error) from error


def _set(converter: Any, options: ConverterOptions) -> None:
    import tensorflow as tf

    variant = options.variant
    if variant.optimization is not Optimization.none:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant.optimization is Optimization.float16:
        converter.target_spec.supported_types = [tf.float16]
    if variant.optimization in CALIBRATED:
        converter.representative_dataset = options.representative_dataset
        converter.inference_input_type = tf.as_dtype(variant.input_type.name)
        converter.inference_output_type = tf.as_dtype(variant.output_type.name)
    converter.target_spec.supported_ops = _operator_sets(tf.lite.OpsSet, variant)
    converter.allow_custom_ops = bool(variant.custom_ops)
    # No public name for this switch yet; older micro runtimes reject per-channel Dense.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (  # noqa: SLF001
        not variant.per_channel_dense
    )
    if options.denylist is not None:
        _set_denylist(converter, options.denylist)
    if options.before_calibration is not None and variant.optimization in CALIBRATED:
        _call_before_calibration(converter, options.before_calibration)


def _operator_sets(sets: Any, variant: Variant) -> list[Any]:
    integer = {
        Optimization.int8: sets.TFLITE_BUILTINS_INT8,
        Optimization.int16x8: sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }.get(variant.optimization)
    allowed = [integer] if integer else []
    if variant.float_fallback or not integer:
        allowed.append(sets.TFLITE_BUILTINS)
    return [*allowed, sets.SELECT_TF_OPS] if variant.select_tf_ops else allowed


def _call_before_calibration(converter: Any, call: Callable[[bytes], None]) -> None:
    quantize = converter._quantize  # noqa: SLF001  # the converter has the float file only there

    def checked(model: bytes, *arguments: Any) -> bytes:
        call(bytes(model))
        return bytes(quantize(model, *arguments))

    converter._quantize = checked  # noqa: SLF001


def _set_denylist(converter: Any, denylist: Callable[[bytes], Iterable[str]]) -> None:
    """Let a converter leave nodes in float, as TensorFlow's `QuantizationDebugger` does.

    The converter calibrates a float file and quantizes that. Its own debugger takes the same two
    steps, and passes `denylisted_nodes` to the second; but it forgets the types of inputs and
    outputs, scales of dense layers and the metadata. So the second step is replaced within the
    converter: with an empty list, the bytes are those of an ordinary conversion.
    """
    original = converter._quantize  # noqa: SLF001  # as in the debugger: no public name

    def quantize(model: bytes, *arguments: Any) -> bytes:
        converter._experimental_calibrate_only = True  # noqa: SLF001
        calibrated = bytes(original(model, *arguments))
        return _quantize(converter, calibrated, denylist(calibrated), *arguments)

    converter._quantize = quantize  # noqa: SLF001


def _quantize(
    converter: Any,
    calibrated: bytes,
    denylisted_nodes: Iterable[str],
    input_type: Any,
    output_type: Any,
    *rest: Any,
) -> bytes:
    """Do what `TFLiteConverterBase._quantize` does with a calibrated file, but for some nodes."""
    from tensorflow.lite.python.convert import mlir_quantize

    *_, variables, debug = rest
    per_tensor = converter._experimental_disable_per_channel_quantization_for_dense_layers  # noqa: SLF001
    return bytes(
        mlir_quantize(
            calibrated,
            converter._experimental_disable_per_channel,  # noqa: SLF001
            input_data_type=input_type,
            output_data_type=output_type,
            denylisted_nodes=list(denylisted_nodes),
            enable_variable_quantization=variables,
            disable_per_channel_for_dense_layers=per_tensor,
            debug_options_str=debug.SerializeToString(),
        )
    )


def _common_type(operators: tuple[str, ...], message: str) -> str | None:
    """Return the one type of the operators' tensors in the converter's details; None if float32."""
    types = set()
    for name in operators:
        details = re.findall(rf"tf\.{re.escape(name)}\((tensor<[^)]*)\)", message)
        found = re.findall(r"\b(?:\d+x|\?x)*(b?f\d+)>", " ".join(details))
        types |= {TYPES.get(dtype, dtype) for dtype in found}
        if not details:
            return None
    return types.pop() if len(types) == 1 and types <= set(TYPES.values()) else None


def _operators(kind: str, message: str) -> tuple[str, ...]:
    match = re.search(rf"^{kind}: (.+)$", message, re.MULTILINE)
    return tuple(name.strip() for name in match[1].split(",")) if match else ()
