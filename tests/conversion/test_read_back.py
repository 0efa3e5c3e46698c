"""Which constants are weights that a type was requested for, without TensorFlow."""

from __future__ import annotations

import pytest

from litemill.config.schema.variant import Optimization, Variant
from litemill.conversion.verification import has_no_large_weights, mismatches
from litemill.tflite.description import Constant, Description, Signature, Tensor, weight_shares

SIGNATURE = {
    "key": "serve",
    "inputs": {"x": {"dtype": "float32", "shape": [None, 4]}},
    "outputs": {"y": {"dtype": "float32", "shape": [None, 4]}},
}
HYBRID = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def constant(operator="CONV_2D", elements=1024, dtype="float32", **changes):
    """Describe weights."""
    fields = {"name": "w", "bytes": elements, "scales": 2, "quantized_dimension": 0}
    fields |= {"operand": 1, "position": (0, 0), "shape": (2, elements // 2)} | changes
    return Constant(dtype=dtype, operator=operator, **fields)


def described(*constants):
    """Describe a file that has these constants, float32 activations and a right signature."""
    tensors = {name: Tensor(name, "float32", (-1, 4)) for name in "xy"}
    signature = Signature("serve", 0, {"x": tensors["x"]}, {"y": tensors["y"]})
    return Description(
        bytes=1,
        description="",
        min_runtime_version=None,
        inputs=(tensors["x"],),
        outputs=(tensors["y"],),
        signatures=(signature,),
        operators=(),
        constants=constants,
        weights=weight_shares(constants),
        unset_variables=(),
    )


@pytest.mark.parametrize("operator", HYBRID)
@pytest.mark.parametrize(
    ("requested", "least"), [(Optimization.dynamic_range, 1024), (Optimization.float16, 2)]
)
def test_weights_are_large_from_the_converters_own_minimum(operator, requested, least):
    """Input 1 of the operators that have kernels for each type."""
    small, large = constant(operator, least, shape=(least - 1,)), constant(operator, least)

    assert has_no_large_weights(described(small), requested)
    assert not has_no_large_weights(described(large), requested)
    assert has_no_large_weights(described(constant(operator, least, operand=2)), requested)
    assert has_no_large_weights(described(constant(operator, least, dtype="int8")), requested)


@pytest.mark.parametrize("operator", ["CONV_3D", "ADD", "TRANSPOSE_CONV", "GATHER"])
def test_operators_without_such_kernels_keep_float_weights(operator):
    """The converter leaves them alone."""
    assert has_no_large_weights(described(constant(operator)), Optimization.dynamic_range)


@pytest.mark.parametrize("requested", [Optimization.none, Optimization.int8, Optimization.int16x8])
def test_other_optimizations_have_no_minimum(requested):
    """Whatever the file holds."""
    assert not has_no_large_weights(described(), requested)


@pytest.mark.parametrize("operator", HYBRID)
def test_one_large_weight_that_stayed_float_is_named(operator):
    """Beside one that is quantized."""
    file = described(constant("GATHER", dtype="int8"), constant(operator))
    (line,) = mismatches(file, Variant(optimization=Optimization.dynamic_range), SIGNATURE)

    assert "weights 'w': requested dynamic range, got float32" == line


@pytest.mark.parametrize(
    ("scales", "rows", "per_channel", "right"),
    [
        (2, 2, True, True),
        (1, 2, True, False),
        (2, 2, False, False),
        (1, 2, False, True),
        (1, 1, True, True),  # one channel is a tensor
    ],
)
def test_scales_of_dense_weights_are_as_requested(scales, rows, per_channel, right):
    """Of one dense layer; convolutions are per channel always."""
    dense = constant("FULLY_CONNECTED", dtype="int8", scales=scales, shape=(rows, 512))
    variant = Variant(optimization=Optimization.dynamic_range, per_channel_dense=per_channel)

    assert right == (mismatches(described(dense), variant, SIGNATURE) == [])
    for other in (constant(dtype="int8", scales=1), constant("FULLY_CONNECTED", operand=2)):
        quantized = constant("GATHER", dtype="int8")
        assert [] == mismatches(described(quantized, other), variant, SIGNATURE)


def test_three_variables_that_nothing_sets_are_named_and_the_others_counted():
    """A line for all."""
    from dataclasses import replace

    def line(*names):
        return mismatches(replace(described(), unset_variables=names), Variant(), SIGNATURE)

    assert [] == line()
    assert ["uninitialised variables: a, b, c"] == line("a", "b", "c")
    assert ["uninitialised variables: a, b, c and 2 more"] == line(*"abcde")
