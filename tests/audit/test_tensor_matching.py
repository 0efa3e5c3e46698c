from __future__ import annotations

import pytest

from litemill.audit.tensor_matching import match_tensors
from litemill.core.errors import ConversionError
from litemill.tflite.description import Tensor


def wanted(**shapes):
    """Give a source's tensors."""
    return {name: {"dtype": "float32", "shape": [None, *shape]} for name, shape in shapes.items()}


def found(**shapes):
    """Give a file's tensors."""
    return {name: Tensor(name, "float32", (-1, *shape)) for name, shape in shapes.items()}


def match(ours, theirs):
    """Match inputs."""
    return match_tensors(ours, theirs, "input", "m.tflite")


def test_correspondence_goes_by_name_first():
    """Whatever the order."""
    got = match(wanted(a=[2], b=[2]), found(b=[2], a=[2]))

    assert ({"a": "a", "b": "b"}, {"a": "name", "b": "name"}) == (got.names, got.how)
    assert [] == list(got.others())


def test_correspondence_sees_through_the_converters_names():
    """`serving_default_` before, `:0` after."""
    theirs = {name: Tensor(name, "float32", (-1, 2)) for name in ("serving_default_a:0", "x")}

    assert {"a": "serving_default_a:0"} == match(wanted(a=[2]), theirs).names


def test_correspondence_goes_by_shape_next():
    """Where only one fits."""
    got = match(wanted(a=[2], b=[3]), found(Identity=[3], Identity_1=[2]))

    assert ({"a": "Identity_1", "b": "Identity"}, {"shape"}) == (got.names, set(got.how.values()))


def test_correspondence_goes_by_position_last_and_tells_the_other_orders():
    """Of the same shape, with no name."""
    got = match(wanted(a=[2], b=[2], c=[7]), found(Identity=[2], Identity_1=[2], Identity_2=[7]))

    assert {"a": "Identity", "b": "Identity_1", "c": "Identity_2"} == got.names
    assert {"a": "position", "b": "position", "c": "shape"} == got.how
    assert [{"a": "Identity_1", "b": "Identity", "c": "Identity_2"}] == list(got.others())


def test_correspondence_takes_a_fixed_batch_and_free_sizes():
    """The batch is nobody's business here; a size may be free on either side."""
    theirs = {"Identity": Tensor("Identity", "int8", (1, 6))}

    assert {"a": "Identity"} == match(wanted(a=[None]), theirs).names


def test_correspondence_refuses_what_has_no_counterpart():
    """One line with what is there."""
    with pytest.raises(ConversionError) as caught:
        match(wanted(a=[2], b=[3]), found(a=[2], c=[4]))

    told = "m.tflite: no input for the source's 'b' [any, 3]; the file has a [any, 2], c [any, 4]"
    assert told == str(caught.value)
