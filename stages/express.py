"""What a variant can say: combinations of options that the converter cannot express, and why."""

from __future__ import annotations

from stages.schema.variant import Optimization, Route, TensorType, Variant

_TYPES = {
    Optimization.none: [TensorType.float32],
    Optimization.dynamic_range: [TensorType.float32],
    Optimization.float16: [TensorType.float32],
    Optimization.int8: [TensorType.float32, TensorType.int8, TensorType.uint8],
    Optimization.int16x8: [TensorType.float32, TensorType.int16],
}
CALIBRATED = (Optimization.int8, Optimization.int16x8)


def refusals(variant: Variant) -> dict[str, str]:
    """Tell by option why a variant cannot be made; empty when it can.

    The values read *what was found; what was expected*.
    """
    found = {}
    if variant.route is Route.cli and variant.optimization is not Optimization.none:
        found["optimization"] = (
            f"{variant.optimization.name} by the route cli; the tflite_convert program has no "
            "quantization flags: use the route saved_model, which gives the same bytes"
        )
    for option in ("input_type", "output_type"):
        if getattr(variant, option) not in _TYPES[variant.optimization]:
            allowed = ", ".join(kind.name for kind in _TYPES[variant.optimization])
            found[option] = (
                f"{getattr(variant, option).name} with optimization {variant.optimization.name}; "
                f"expected one of: {allowed}"
            )
    if variant.optimization in CALIBRATED and variant.calibration.samples < 1:
        found["calibration.samples"] = f"{variant.calibration.samples}; expected at least 1"
    if variant.float_fallback and variant.optimization not in CALIBRATED:
        found["float_fallback"] = (
            f"true with optimization {variant.optimization.name}; it only concerns int8 and int16x8"
        )
    return found
