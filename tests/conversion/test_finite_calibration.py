"""Files whose tensors become infinite or NaN, judged beside the bare interpreter."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import zoo
from ai_edge_litert.interpreter import Interpreter
from zoo_files import function_model

from litemill.conversion.finite_calibration import refuse_infinite
from litemill.core.errors import ConversionError
from litemill.standalone.output_check import overflowing_constant

X = np.float32([[1, 2], [3, 4], [-1, 5]])


def infinite(x):
    """Answer with the logarithm of what may be 0."""
    return {"y": tf.math.log(tf.nn.relu(2.0 * x)) + 1.0}


def batches():
    """Return one sample at a time, as a representative dataset does."""
    return [{"x": X[i : i + 1]} for i in range(len(X))]


def test_the_tensor_that_becomes_infinite_is_named_with_its_sample():
    """The first one, not what is computed from it; and the bare interpreter agrees."""
    content = function_model(infinite, zoo.spec(None, 2))
    with pytest.raises(ConversionError) as caught:
        refuse_infinite(content, zoo.KEY, batches, "variant int8")

    assert caught.value.found.startswith("LOG '")
    assert caught.value.found.endswith("' is infinite on calibration sample 3")
    runner = Interpreter(model_content=content).get_signature_runner(zoo.KEY)
    assert [True, True, False] == [np.isfinite(runner(x=x["x"])["y"]).all() for x in batches()]
    refuse_infinite(content, zoo.KEY, lambda: batches()[:2], "variant int8")


def test_a_graph_that_stays_finite_is_not_run():
    """No time is spent on it."""
    refuse_infinite(zoo.file("float32"), zoo.KEY, lambda: pytest.fail("was run"), "variant")


def test_a_constant_that_overflows_float16_is_named_with_what_reads_it():
    """A mask of 1e30; a small one is fine."""
    contents = []
    for size in (1e30, 1e3):
        module = tf.Module()
        module.f = tf.function(
            lambda x, size=size: {"y": tf.nn.softmax(x - tf.constant([[0, size, 1, 2]]))},
            input_signature=[zoo.spec(None, 4)],
        )
        function = module.f.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        contents.append(bytes(converter.convert()))

    assert " reads '" in overflowing_constant(contents[0])
    assert "which float16 cuts off at 65504" in overflowing_constant(contents[0])
    assert overflowing_constant(contents[1]) == ""
