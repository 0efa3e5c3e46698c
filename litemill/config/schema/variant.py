"""Options of the stage `convert`: those of one variant."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Route(enum.Enum):
    """Where the converter starts."""

    saved_model = enum.auto()
    keras = enum.auto()
    concrete_function = enum.auto()
    cli = enum.auto()  # the `tflite_convert` program


class Optimization(enum.Enum):
    """What post-training quantization does."""

    none = enum.auto()  # float32 throughout
    dynamic_range = enum.auto()  # int8 weights; activations are quantized on the fly
    float16 = enum.auto()  # float16 weights
    int8 = enum.auto()  # int8 weights and activations
    int16x8 = enum.auto()  # int8 weights, int16 activations


# Those whose activations are quantized ahead of time, to ranges that samples tell.
CALIBRATED = (Optimization.int8, Optimization.int16x8)


class TensorType(enum.Enum):
    """Type of a variant's inputs or outputs."""

    float32 = enum.auto()
    int8 = enum.auto()
    uint8 = enum.auto()
    int16 = enum.auto()


class Selection(enum.Enum):
    """How calibration samples are picked from the calibration split."""

    first = enum.auto()
    random = enum.auto()  # seeded
    stratified = enum.auto()  # seeded, as many of each class as possible


@dataclass
class Calibration:
    """The representative dataset."""

    samples: int = 100
    selection: Selection = Selection.first
    seed: int = 0


@dataclass
class Variant:
    """One .tflite of a release."""

    route: Route = Route.saved_model
    optimization: Optimization = Optimization.none
    input_type: TensorType = TensorType.float32
    output_type: TensorType = TensorType.float32
    calibration: Calibration = field(default_factory=Calibration)
    float_fallback: bool = False  # let operators without an integer kernel stay in float
    # Layers that stay in float inside a quantized file, by the names that validation tells them by.
    float_layers: list[str] = field(default_factory=list)
    per_channel_dense: bool = True  # per-channel scales in fully connected layers
    select_tf_ops: bool = False  # let TensorFlow's own kernels stand in for missing operators
    custom_ops: list[str] = field(default_factory=list)  # operators that the application brings
    batch: int | None = None  # fixed batch size; null is the source model's, mostly any
    # Write recurrent layers of a Keras model out step by step: any batch size, also in integers.
    unroll: bool = False
    signature: str | None = None  # which of the source model's; null is the one it is known by
    # Quantize with litert-quantizer instead: the name of one of its recipes, or a recipe.
    recipe: Any = None
