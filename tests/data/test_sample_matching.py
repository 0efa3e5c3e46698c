from __future__ import annotations

import numpy as np
import pytest

from litemill.core.errors import ModelError
from litemill.data.sample_matching import format_shape, match_inputs, shape_matches
from litemill.data.samples import Samples


def samples(**inputs):
    """Return samples of these inputs."""
    return Samples(inputs, {}, None, "none")


def spec(*shape, dtype="float32"):
    """Describe an input as signature.json does."""
    return {"dtype": dtype, "shape": [None, *shape]}


def test_inputs_are_matched_by_name():
    """In the model's order."""
    left, right = np.zeros((4, 2), np.float32), np.ones((4, 3), np.float32)
    given = match_inputs(samples(right=right, left=left), {"left": spec(2), "right": spec(3)}, "m")

    assert ["left", "right"] == list(given.inputs)


def test_the_only_input_needs_no_name():
    """Where model and data have one each."""
    given = match_inputs(samples(anything=np.zeros((4, 2), np.float32)), {"x": spec(2)}, "m")

    assert ["x"] == list(given.inputs)


def test_names_that_differ_are_told():
    """Those of both sides."""
    with pytest.raises(ModelError) as caught:
        match_inputs(
            samples(a=np.zeros((1, 2)), b=np.zeros((1, 2))), {"a": spec(2), "c": spec(2)}, "m"
        )

    assert "m: the data has the inputs a, b; the model takes a, c" == str(caught.value)


def test_a_subset_leaves_out_what_a_signature_does_not_take():
    """For one of several signatures."""
    both = samples(a=np.zeros((1, 2), np.float32), b=np.zeros((1, 2), np.float32))

    assert ["a"] == list(match_inputs(both, {"a": spec(2)}, "m", subset=True).inputs)


def test_shapes_that_differ_are_told():
    """`any` fits every size."""
    assert shape_matches([None, 3], [7, 3])
    assert not shape_matches([None, 3], [7])
    assert "[any, 3]" == format_shape([None, 3])
    with pytest.raises(ModelError) as caught:
        match_inputs(samples(x=np.zeros((1, 5, 4))), {"x": spec(None, 3)}, "m")

    assert "m: input x: the data has shape [5, 4] a sample; the model takes [any, 3]" == str(
        caught.value
    )


def test_integers_pass_as_floats_and_floats_never_as_integers():
    """Nothing is cut off behind anybody's back."""
    whole = samples(x=np.arange(4, dtype=np.uint8).reshape(4, 1))
    given = match_inputs(whole, {"x": spec(1)}, "m")

    assert np.float32 == next(given.batches(4)).inputs["x"].dtype
    with pytest.raises(ModelError, match="the data is float64; the model takes int32"):
        match_inputs(samples(x=np.zeros((4, 1))), {"x": spec(1, dtype="int32")}, "m")
