from __future__ import annotations

import pytest

from litemill.config.schema.variant import Calibration, Optimization, Route, TensorType, Variant
from litemill.conversion import recipes
from litemill.conversion.option_conflicts import conflicts

STATIC = recipes.resolve_recipe("static_wi8_ai8", "recipe")
DYNAMIC = recipes.resolve_recipe("dynamic_wi8_afp32", "recipe")
INT8 = Optimization.int8


@pytest.mark.parametrize(
    "variant",
    [
        Variant(),
        Variant(optimization=INT8, input_type=TensorType.uint8, output_type=TensorType.int8),
        Variant(optimization=Optimization.int16x8, input_type=TensorType.int16),
        Variant(optimization=INT8, float_fallback=True, select_tf_ops=True),
        Variant(select_tf_ops=True, custom_ops=["Mine"]),
        Variant(route=Route.cli, batch=1, unroll=True),
        Variant(recipe=DYNAMIC, batch=4),
        Variant(recipe=DYNAMIC, float_layers=["dense"]),
        Variant(optimization=INT8, float_layers=["dense", "digit"]),
        Variant(recipe=STATIC, input_type=TensorType.int8, output_type=TensorType.float32),
    ],
)
def test_what_can_be_made_is_not_refused(variant):
    """Every option somewhere."""
    assert [] == conflicts(variant)


@pytest.mark.parametrize(
    ("options", "option", "reported"),
    [
        ({"input_type": TensorType.int8}, "input_type", "int8 with optimization none; expected"),
        (
            {"optimization": INT8, "output_type": TensorType.int16},
            "output_type",
            "int16 with optimization int8; expected one of: float32, int8, uint8",
        ),
        (
            {"recipe": DYNAMIC, "input_type": TensorType.int8},
            "input_type",
            "int8 with this recipe; expected one of: float32",
        ),
        ({"route": Route.cli, "optimization": INT8}, "optimization", "no quantization flags"),
        ({"route": Route.cli, "select_tf_ops": True}, "select_tf_ops", "true by the route cli"),
        ({"route": Route.cli, "custom_ops": ["Mine"]}, "custom_ops", "['Mine'] by the route cli"),
        (
            {"route": Route.cli, "per_channel_dense": False},
            "per_channel_dense",
            "false by the route cli",
        ),
        (
            {"optimization": INT8, "calibration": Calibration(samples=0)},
            "calibration.samples",
            "0; expected at least 1",
        ),
        ({"float_fallback": True}, "float_fallback", "it only concerns int8 and int16x8"),
        (
            {"optimization": INT8, "select_tf_ops": True},
            "select_tf_ops",
            "true for an integer-only model",
        ),
        ({"optimization": INT8, "recipe": DYNAMIC}, "recipe", "expected one of the two"),
        (
            {"optimization": Optimization.int16x8, "float_layers": ["dense"]},
            "float_layers",
            "1 with optimization int16x8, by which the converter spares no layer",
        ),
        ({"optimization": INT8, "float_layers": ["a", "a"]}, "float_layers", "a layer twice"),
        ({"batch": 0}, "batch", "0; expected at least 1, or null for any"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_reason(options, option, reported):
    """By option, so that configure can name the place."""
    [error] = conflicts(Variant(**options))
    assert option == error.place
    assert reported in f"{error.found}; {error.expected}"
