"""How alike weights have to be: on arrays, without TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from litemill.audit.weight_matching import group_layers, match_layers
from litemill.audit.weights import State, compare_weights
from litemill.tflite.operands import Operand
from litemill.tflite.tensor_values import TensorValues


def operand(real, step=0.0, *, number=0, **changes):
    """Make the weights of a dense layer, stored with a distance of `step` between numbers."""
    real = np.asarray(real, np.float32)
    values = TensorValues(
        real, np.asarray(step), changes.pop("clipped", np.zeros(real.shape, bool))
    )
    fields = {"operator": "FULLY_CONNECTED", "operand": 1, "position": (0, number)}
    fields |= {"tensor": (0, 2 * number), "name": f"w{number}", "dtype": "int8"} | changes
    return Operand(values=values, **fields)


def bias(real, number=0, **changes):
    """Make the biases of the same layer."""
    return operand(real, number=number, operand=2, tensor=(0, 2 * number + 1), **changes)


def states(ours, theirs):
    """Compare; return the states in order."""
    return [one.state for one in compare_weights(ours, theirs).compared]


def rows(count=8, size=16, seed=0):
    """Make float weights, of which the largest is 1."""
    random = np.random.default_rng(seed)
    values = random.uniform(-0.9, 0.9, (count, size)).astype(np.float32)
    values[0, 0] = 1
    return values


@pytest.mark.parametrize(
    ("share", "state"),
    [(0.5, State.quantized), (0.58, State.quantized), (0.65, State.different)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_takes_half_a_step_and_with_some_room_six_tenths(share, state, sign):
    """One value of many that is off by more is another weight."""
    values, step = rows(), 0.01
    moved = values.copy()
    moved[3, 3] += sign * share * step

    assert [state] == states([operand(values)], [operand(moved, step)])


@pytest.mark.parametrize(
    ("difference", "state"), [(0.9e-4, State.equal), (1.1e-4, State.different)]
)
def test_weights_that_are_not_quantized_are_equal_to_a_ten_thousandth(difference, state):
    """Of the largest value, which is 1."""
    values = rows()
    moved = values.copy()
    moved[3, 3] += difference

    assert [state] == states([operand(values)], [operand(moved)])


@pytest.mark.parametrize(("factor", "state"), [(0.5, State.quantized), (2.0, State.different)])
def test_a_value_at_the_end_of_the_range_may_have_been_larger(factor, state):
    """Not smaller."""
    values = rows()
    stored = values.copy()
    stored[0, 0] = factor
    clipped = np.zeros(values.shape, bool)
    clipped[0, 0] = True

    assert [state] == states([operand(values)], [operand(stored, 0.01, clipped=clipped)])


def test_each_channel_may_have_a_factor_but_no_other_values():
    """As batch normalization leaves them; a channel of zeros has none."""
    values = rows()
    factors = np.linspace(0.5, 2, 8, dtype=np.float32)[:, None]
    zeros = factors.copy()
    zeros[2] = 0

    assert [State.scaled] == states([operand(values)], [operand(values * factors)])
    assert [State.different] == states([operand(values)], [operand(values * zeros)])
    assert [State.different] == states([operand(values[:, :3])], [operand(values[:, :3] * factors)])
    assert [State.scaled] == states([operand(values[:, :4])], [operand(values[:, :4] * factors)])


def test_the_channels_of_a_depthwise_convolution_come_last():
    """[1, height, width, channels]."""
    values = rows(9, 8).reshape(1, 3, 3, 8)
    last = values * np.linspace(0.5, 2, 8, dtype=np.float32)
    depthwise = {"operator": "DEPTHWISE_CONV_2D"}

    pair = [operand(values, **depthwise)], [operand(last, **depthwise)]
    assert [State.scaled] == states(*pair)
    assert [State.different] == states([operand(values)], [operand(last)])


def test_biases_follow_a_factor_of_their_weights_and_absent_ones_are_zeros():
    """A factor comes with another bias."""
    values = rows()
    factors = np.linspace(0.5, 2, 8, dtype=np.float32)[:, None]
    source = [operand(values), bias(np.ones(8))]

    scaled = states(source, [operand(values * factors), bias(np.full(8, 2))])
    assert [State.scaled, State.scaled] == scaled
    assert [State.equal, State.different] == states(source, [operand(values), bias(np.full(8, 2))])
    assert [State.equal, State.different] == states(source, [operand(values)])
    assert [State.equal] * 2 == states([operand(values)], [operand(values), bias(np.zeros(8))])


@pytest.mark.parametrize(
    ("share", "size", "state"),
    [
        (0.0, 64, State.unrelated),
        (0.0, 63, State.different),
        (0.19, 64, State.unrelated),
        (0.21, 64, State.different),
        (-0.19, 64, State.unrelated),
        (-0.21, 64, State.different),
    ],
)
def test_weights_are_unrelated_below_a_correlation_of_a_fifth(share, size, state):
    """Of at least 64 values: fewer correlate by chance."""
    first, second = np.random.default_rng(0).normal(size=(2, size))
    first -= first.mean()
    first /= np.linalg.norm(first)
    second -= second.mean()
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    mixed = share * first + np.sqrt(1 - share**2) * second
    shape = (1, size)

    ours, theirs = operand(first.reshape(shape)), operand(mixed.reshape(shape))
    compared = compare_weights([ours], [theirs])
    assert [state] == [one.state for one in compared.compared]
    assert share == pytest.approx(compared.compared[0].correlation, abs=1e-6)
    assert (state is State.unrelated) == compared.is_unrelated()


def test_differences_are_in_the_tensors_unit_and_of_its_largest_value():
    """Both of one changed number."""
    values = 2 * rows()
    moved = values.copy()
    moved[3, 3] += 0.5
    (one,) = compare_weights([operand(values)], [operand(moved)]).compared

    assert 0.5 == pytest.approx(one.max_difference)
    assert 0.25 == pytest.approx(one.relative_difference)
    (none,) = compare_weights([operand(np.zeros((2, 2)))], [operand(np.ones((2, 2)))]).compared
    assert (1.0, None, None) == (none.max_difference, none.relative_difference, none.correlation)


@pytest.mark.parametrize(("cosine", "pairs"), [(0.95, 1), (0.85, 0)])
def test_weights_are_matched_from_a_cosine_of_nine_tenths(cosine, pairs):
    """Where two layers could be the one, and nothing but values tells."""
    ours = operand([[1.0, 0.0]])
    near = operand([[cosine, np.sqrt(1 - cosine**2)]], number=0)
    other = operand([[0.0, -1.0]], number=1)

    matched = match_layers(group_layers([ours]), group_layers([other, near]))
    assert [(0, 1)][:pairs] == matched


def test_layers_of_other_weights_are_matched_in_order():
    """As many on both sides."""
    ours = [operand(rows(seed=n), number=n) for n in range(3)]
    theirs = [operand(rows(seed=9 - n), number=n) for n in range(3)]

    assert [(0, 0), (1, 1), (2, 2)] == match_layers(group_layers(ours), group_layers(theirs))
    assert [] == match_layers(group_layers(ours), group_layers(theirs[:2]))


def test_sizes_of_one_do_not_count_in_a_shape():
    """Converters add and drop them."""
    values = rows()
    ours, theirs = operand(values.reshape(8, 1, 1, 16)), operand(values)

    assert [(0, 0)] == match_layers(group_layers([ours]), group_layers([theirs]))
    assert [] == match_layers(group_layers([ours]), group_layers([operand(rows(16, 8))]))


def test_a_layer_is_weights_with_their_biases():
    """A factor such as 1/255, and nothing, are none; a single bias of one value is one."""
    weights, biases = operand(rows()), bias(np.ones(8))
    factor = operand([1 / 255], number=1, operator="MUL")
    nothing = operand(np.zeros((0, 4)), number=2)
    single = operand([[2.0]], number=3)

    layers = group_layers([weights, biases, factor, nothing, single, weights])
    assert [(weights, biases), (single, None)] == layers
