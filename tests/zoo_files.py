"""Small real .tflite files, made by TensorFlow's converter: `file(NAME)` gives one of `FILES`.

Each is converted once in a test run. TensorFlow is imported inside the functions.
"""

from __future__ import annotations

import functools
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
from zoo_keras import KEY, batch_of, cnn, dense, softmax, two_in_three_out, with_island

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START, HALF = 0.25, 0.5  # of the model with a state
MIXED = np.array([[1, -2, 0], [0, 1, 1], [2, 0, -1], [-1, 1, 3]], np.float32) / 4


def serving(
    model: Any, outputs: list[str] | None = None, *, batch: int | None = None
) -> tuple[Any, Any]:
    """Return (trackable, concrete function) of a Keras model, as the stage export does it.

    The trackable is a `tf.Module` that holds the variables: a Keras 3 model in its place loses the
    weights (FACTS: every tutorial from before Keras 3 teaches the broken form).
    """
    import tensorflow as tf

    names = outputs or [model.layers[-1].name]
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]

    def call(**inputs: Any) -> dict[str, Any]:
        given = [inputs[tensor.name] for tensor in model.inputs]
        answer = model(given if len(given) > 1 else given[0], training=False)
        return answer if isinstance(answer, dict) else {names[0]: answer}

    function = tf.function(call)
    specs = {
        tensor.name: tf.TensorSpec((batch, *tensor.shape[1:]), tensor.dtype, tensor.name)
        for tensor in model.inputs
    }
    return module, function.get_concrete_function(**specs)


def convert(
    model: Any,
    optimization: str = "none",
    *,
    input_type: str = "float32",
    output_type: str = "float32",
    fallback: bool = False,
    per_channel_dense: bool = True,
    batch: int | None = None,
) -> bytes:
    """Convert a Keras model through a SavedModel with the signature `serving_default`."""
    import tensorflow as tf

    module, function = serving(model, batch=batch)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={KEY: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[KEY])
        settings(converter, optimization, samples(model), fallback=fallback)
        converter.inference_input_type = tf.as_dtype(input_type)
        converter.inference_output_type = tf.as_dtype(output_type)
        converter._experimental_disable_per_channel_quantization_for_dense_layers = (
            not per_channel_dense
        )
        return bytes(converter.convert())


def settings(
    converter: Any,
    optimization: str,
    representative: Callable[[], Iterator[Any]],
    *,
    fallback: bool,
) -> None:
    """Set what an optimization means on a converter."""
    import tensorflow as tf

    if optimization == "none":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if optimization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if optimization in {"int8", "int16x8"}:
        converter.representative_dataset = representative
        ops = tf.lite.OpsSet
        strict = {
            "int8": ops.TFLITE_BUILTINS_INT8,
            "int16x8": ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        }[optimization]
        converter.target_spec.supported_ops = [strict, *([ops.TFLITE_BUILTINS] if fallback else [])]


def samples(model: Any, count: int = 16) -> Callable[[], Iterator[dict[str, Any]]]:
    """Return a representative dataset with one sample a step."""
    inputs = {tensor.name: (tuple(tensor.shape[1:]), tensor.dtype) for tensor in model.inputs}

    def representative() -> Iterator[dict[str, Any]]:
        for seed in range(count):
            yield {
                name: batch_of(shape, 1, dtype=dtype, seed=seed)
                for name, (shape, dtype) in sorted(inputs.items())
            }

    return representative


def function_model(function: Any, *specs: Any) -> bytes:
    """Convert a function of tensors, as a `tf.Module` with the signature `serving_default`."""
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(function, input_signature=list(specs))
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={KEY: module.call})
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def stateful() -> bytes:
    """Convert a function with a state of [1, 4]: half of it and the input x, times a matrix."""
    import tensorflow as tf

    module = tf.Module()
    module.state = tf.Variable(np.full((1, 4), START, np.float32))

    def step(x: Any) -> dict[str, Any]:
        module.state.assign(HALF * module.state + x)
        return {"y": tf.matmul(module.state, MIXED)}

    module.call = tf.function(step)
    called = module.call.get_concrete_function(spec(1, 4))
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={KEY: called})
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def remembered(steps: Any) -> Any:
    """Return what the model of `stateful` answers to a sequence, [steps, 4] to [steps, 3]."""
    state, answers = np.full(4, START, np.float32), []
    for step in steps:
        state = np.float32(HALF) * state + step
        answers.append(state @ MIXED)
    return np.array(answers, np.float32)


def spec(*shape: int | None, dtype: str = "float32", name: str = "x") -> Any:
    """Return a tf.TensorSpec."""
    import tensorflow as tf

    return tf.TensorSpec(shape, dtype, name)


def logarithm() -> bytes:
    """Return a file that answers NaN to negative numbers: x [3] to y [3]."""
    import tensorflow as tf

    return function_model(lambda x: {"y": tf.math.log(x)}, spec(None, 3))


def lookup() -> bytes:
    """Return a file that fails at invoke on an index above 2: x [1] int32 to y [1, 2]."""
    import tensorflow as tf

    table = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    return function_model(lambda x: {"y": tf.gather(table, x)}, spec(None, 1, dtype="int32"))


def over_batch() -> bytes:
    """Return a file whose output has no batch axis: x [3] to the sum over the batch."""
    import tensorflow as tf

    return function_model(lambda x: {"y": tf.reduce_sum(x, axis=0)}, spec(None, 3))


def reshaped() -> bytes:
    """Return a file whose input has a dynamic batch that its inside refuses: x [3, 2] to 2 x."""
    import tensorflow as tf

    def double(x: Any) -> dict[str, Any]:
        flat = tf.reshape(x, [1, 6]) * 2.0
        return {"y": tf.reshape(flat, [-1, 3, 2])}

    return function_model(double, spec(None, 3, 2))


def weights_gone() -> bytes:
    """Return the file of the trap: `from_concrete_functions` with a Keras 3 model as trackable."""
    import tensorflow as tf

    model = cnn()
    _, function = serving(model)
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert())


def without_signature(model: Any) -> bytes:
    """Return a float32 file without a signature: a concrete function without a trackable."""
    import tensorflow as tf

    _, function = serving(model)
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def flex() -> bytes:
    """Return a file with the TensorFlow operator Atan, which LiteRT alone cannot run."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(tf.math.atan).get_concrete_function(spec(None, 3))]
    )
    ops = tf.lite.OpsSet
    converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
    return bytes(converter.convert())


FILES = {
    "float32": lambda: convert(_cnn()),
    "dynamic_range": lambda: convert(_cnn(), "dynamic_range"),
    "dynamic_range_per_tensor": lambda: convert(_cnn(), "dynamic_range", per_channel_dense=False),
    "float16": lambda: convert(_cnn(), "float16"),
    "int8": lambda: convert(_cnn(), "int8", input_type="int8", output_type="int8"),
    "uint8": lambda: convert(_cnn(), "int8", input_type="uint8", output_type="uint8"),
    "int8_float_io": lambda: convert(_cnn(), "int8"),
    "int8_per_tensor": lambda: convert(_cnn(), "int8", per_channel_dense=False),
    "int16x8": lambda: convert(_cnn(), "int16x8"),
    "int16x8_io": lambda: convert(_cnn(), "int16x8", input_type="int16", output_type="int16"),
    "fixed_batch": lambda: convert(_cnn(), batch=4),
    "blocks": lambda: convert(dense(64, features=32)),
    "small_dynamic_range": lambda: convert(dense(), "dynamic_range"),
    "island": lambda: convert(with_island(), "int8", fallback=True),
    "several": lambda: convert(two_in_three_out()),
    "several_int8": lambda: convert(two_in_three_out(), "int8"),
    "weights_gone": weights_gone,
    "without_signature": lambda: without_signature(_cnn()),
    "several_without_signature": lambda: without_signature(two_in_three_out()),
    "logarithm": logarithm,
    "lookup": lookup,
    "over_batch": over_batch,
    "reshaped": reshaped,
    "flex": flex,
    "stateful": stateful,
    "softmax": lambda: convert(softmax(), "int8", input_type="int8", output_type="int8"),
}


@functools.cache
def file(name: str) -> bytes:
    """Return the .tflite of `FILES` under this name, converted once in a test run."""
    return FILES[name]()


@functools.cache
def _cnn() -> Any:
    return cnn()
