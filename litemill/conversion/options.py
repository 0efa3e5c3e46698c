"""A variant's options, in the converter's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.schema.variant import CALIBRATED, Optimization, Variant

if TYPE_CHECKING:
    from collections.abc import Callable


def is_calibrated(variant: Variant) -> bool:
    """Tell whether the converter needs a representative dataset."""
    return variant.optimization in CALIBRATED


def converter_settings(
    variant: Variant, representative_dataset: Callable[[], Any] | None
) -> Callable[[Any], None]:
    """Give a function that sets a variant's options on a fresh converter."""

    def prepare(converter: Any) -> None:
        import tensorflow as tf

        if variant.optimization is not Optimization.none:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant.optimization is Optimization.float16:
            converter.target_spec.supported_types = [tf.float16]
        if is_calibrated(variant):
            converter.representative_dataset = representative_dataset
            converter.inference_input_type = tf.as_dtype(variant.input_type.name)
            converter.inference_output_type = tf.as_dtype(variant.output_type.name)
        converter.target_spec.supported_ops = _operators(tf.lite.OpsSet, variant)
        converter.allow_custom_ops = bool(variant.custom_ops)
        # No public name for this switch yet; older micro runtimes reject per-channel Dense.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = (  # noqa: SLF001
            not variant.per_channel_dense
        )

    return prepare


def _operators(sets: Any, variant: Variant) -> list[Any]:
    integer = {
        Optimization.int8: sets.TFLITE_BUILTINS_INT8,
        Optimization.int16x8: sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }.get(variant.optimization)
    chosen = [integer] if integer else []
    if variant.float_fallback or not integer:
        chosen.append(sets.TFLITE_BUILTINS)
    return [*chosen, sets.SELECT_TF_OPS] if variant.select_tf_ops else chosen
