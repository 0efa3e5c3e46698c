"""Small real models and their conversions: one or two layers each, made by TensorFlow itself.

Plain functions, so that any test can build what it needs. `file(NAME)` gives a .tflite by its name
in `FILES`, `source(NAME)` a source model of `SOURCES`, each made once in a test run. TensorFlow is
imported inside the functions.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stages.routes import Source
    from stages.samples import Samples

KEY = "serving_default"
START, HALF = 0.25, 0.5  # of the model with a state
MIXED = np.array([[1, -2, 0], [0, 1, 1], [2, 0, -1], [-1, 1, 3]], np.float32) / 4
IMAGE = (8, 8, 1)
SIGNATURE = {
    "key": KEY,
    "inputs": {"image": {"dtype": "float32", "shape": [None, 8, 8, 1]}},
    "outputs": {"digit": {"dtype": "float32", "shape": [None, 10]}},
}


def cnn() -> Any:
    """Give a Keras model: image [8, 8, 1] to 10 logits, with weights above and below 1,024."""
    keras = _keras()
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.layers.Input(IMAGE, name="image"),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(10, name="digit"),
        ]
    )


def dense(units: int = 4, features: int = 6) -> Any:
    """Give a Keras model: 6 features to 1 number, with fewer than 1,024 weights in a layer."""
    keras = _keras()
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.layers.Input((features,), name="features"),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, name="value"),
        ]
    )


def softmax() -> Any:
    """Give a Keras model that is nothing but a softmax: `x` [4] to `share` [4]."""
    keras = _keras()
    given = keras.Input((4,), name="x")
    return keras.Model(given, keras.layers.Softmax(name="share")(given))


def two_in_three_out() -> Any:
    """Give a Keras model: `left` [6] and `right` [4] to `total` [3], `apart` [5] and `one` [1]."""
    keras = _keras()
    keras.utils.set_random_seed(3)
    left, right = keras.Input((6,), name="left"), keras.Input((4,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {
        "total": keras.layers.Dense(3, name="total")(both),
        "apart": keras.layers.Dense(5, name="apart")(left),
        "one": keras.layers.Dense(1, name="one")(right),
    }
    return keras.Model([left, right], outputs)


def serving(
    model: Any, outputs: list[str] | None = None, *, batch: int | None = None
) -> tuple[Any, Any]:
    """Give (trackable, concrete function) of a Keras model, as the stage export does it.

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
    import tempfile

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
    """Give a representative dataset with one sample a step."""
    inputs = {tensor.name: (tuple(tensor.shape[1:]), tensor.dtype) for tensor in model.inputs}

    def representative() -> Iterator[dict[str, Any]]:
        for seed in range(count):
            yield {
                name: batch_of(shape, 1, dtype=dtype, seed=seed)
                for name, (shape, dtype) in sorted(inputs.items())
            }

    return representative


def batch_of(
    shape: tuple[int | None, ...], count: int, *, dtype: str = "float32", seed: int = 0
) -> Any:
    """Give `count` samples, the same for the same seed: in [0, 1), or whole numbers below 5."""
    sizes = [count, *(6 if size is None else size for size in shape)]
    source = np.random.default_rng(seed)
    if dtype == "float32":
        return source.random(sizes, dtype=np.float32)
    return source.integers(0, 5, sizes, dtype=dtype)


def function_model(function: Any, *specs: Any) -> bytes:
    """Convert a function of tensors, as a `tf.Module` with the signature `serving_default`."""
    import tempfile

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
    """Give what the model of `stateful` answers to a sequence, [steps, 4] to [steps, 3]."""
    state, answers = np.full(4, START, np.float32), []
    for step in steps:
        state = np.float32(HALF) * state + step
        answers.append(state @ MIXED)
    return np.array(answers, np.float32)


def with_island() -> Any:
    """Give a Keras model whose `Sin` has no integer kernel."""
    keras = _keras()
    keras.utils.set_random_seed(4)
    image = keras.Input(IMAGE, name="image")
    inner = keras.layers.Conv2D(8, 3, activation="relu")(image)
    inner = keras.ops.sin(inner)
    inner = keras.layers.Flatten()(inner)
    return keras.Model(image, keras.layers.Dense(10, name="digit")(inner))


def spec(*shape: int | None, dtype: str = "float32", name: str = "x") -> Any:
    """Give a tf.TensorSpec."""
    import tensorflow as tf

    return tf.TensorSpec(shape, dtype, name)


def logarithm() -> bytes:
    """Give a file that answers NaN to negative numbers: x [3] to y [3]."""
    import tensorflow as tf

    return function_model(lambda x: {"y": tf.math.log(x)}, spec(None, 3))


def lookup() -> bytes:
    """Give a file that fails at invoke on an index above 2: x [1] int32 to y [1, 2]."""
    import tensorflow as tf

    table = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    return function_model(lambda x: {"y": tf.gather(table, x)}, spec(None, 1, dtype="int32"))


def over_batch() -> bytes:
    """Give a file whose output has no batch axis: x [3] to the sum over the batch."""
    import tensorflow as tf

    return function_model(lambda x: {"y": tf.reduce_sum(x, axis=0)}, spec(None, 3))


def reshaped() -> bytes:
    """Give a file whose input has a dynamic batch that its inside refuses: x [3, 2] to 2 x."""
    import tensorflow as tf

    def double(x: Any) -> dict[str, Any]:
        flat = tf.reshape(x, [1, 6]) * 2.0
        return {"y": tf.reshape(flat, [-1, 3, 2])}

    return function_model(double, spec(None, 3, 2))


def weights_gone() -> bytes:
    """Give the file of the trap: `from_concrete_functions` with a Keras 3 model as trackable."""
    import tensorflow as tf

    model = cnn()
    _, function = serving(model)
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert())


def without_signature(model: Any) -> bytes:
    """Give a float32 file without a signature: a concrete function without a trackable."""
    import tensorflow as tf

    _, function = serving(model)
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def flex() -> bytes:
    """Give a file with the TensorFlow operator Atan, which LiteRT alone cannot run."""
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
    """Give the .tflite of `FILES` under this name, converted once in a test run."""
    return FILES[name]()


def sequence() -> Any:
    """Give a Keras model of sequences of any length: `steps` [any, 3] to `value` [2]."""
    keras = _keras()
    keras.utils.set_random_seed(5)
    steps = keras.Input((None, 3), name="steps")
    inner = keras.layers.Conv1D(4, 3, padding="same", activation="relu")(steps)
    inner = keras.layers.GlobalAveragePooling1D()(inner)
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def embedding() -> Any:
    """Give a Keras model of integers: `words` int32 [6] to `value` [2]."""
    keras = _keras()
    keras.utils.set_random_seed(6)
    words = keras.Input((6,), dtype="int32", name="words")
    inner = keras.layers.Flatten()(keras.layers.Embedding(20, 4)(words))
    return keras.Model(words, keras.layers.Dense(2, name="value")(inner))


def recurrent(kind: str) -> Any:
    """Give a Keras model with an LSTM or a GRU: `steps` [6, 3] to `value` [2]."""
    keras = _keras()
    keras.utils.set_random_seed(7)
    steps = keras.Input((6, 3), name="steps")
    inner = getattr(keras.layers, kind)(8)(steps)
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def convolutions() -> Any:
    """Give a Keras model with a depthwise and a transposed convolution: `image` to `picture`."""
    keras = _keras()
    keras.utils.set_random_seed(8)
    image = keras.Input(IMAGE, name="image")
    inner = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    inner = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(inner)
    picture = keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same", name="picture")
    return keras.Model(image, picture(inner))


def attention() -> Any:
    """Give a Keras model with attention: `steps` [6, 8] to `value` [2]."""
    keras = _keras()
    keras.utils.set_random_seed(9)
    steps = keras.Input((6, 8), name="steps")
    inner = keras.layers.MultiHeadAttention(2, 4)(steps, steps)
    inner = keras.layers.Flatten()(keras.layers.LayerNormalization()(inner))
    return keras.Model(steps, keras.layers.Dense(2, name="value")(inner))


def fixed() -> Any:
    """Give a Keras model of a fixed batch size: `features` [4, 6] to `value` [1]."""
    keras = _keras()
    keras.utils.set_random_seed(10)
    features = keras.Input(batch_shape=(4, 6), name="features")
    return keras.Model(features, keras.layers.Dense(1, name="value")(features))


def module() -> Any:
    """Give a tf.Module of two signatures: `double` of x [3], `total` of left [2] and right [2]."""
    import tensorflow as tf

    class Both(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable([2.0, 4.0, 8.0])

        @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
        def double(self, x: Any) -> dict[str, Any]:
            return {"y": x * self.weights}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], name="left"),
                tf.TensorSpec([None, 2], name="right"),
            ]
        )
        def total(self, left: Any, right: Any) -> dict[str, Any]:
            return {"sum": left + right, "product": left * right}

    return Both()


# Source models by name: what the pipeline's own model may be.
SOURCES: dict[str, Callable[[], Any]] = {
    "cnn": cnn,
    "dense": dense,
    "several": two_in_three_out,
    "sequence": sequence,
    "embedding": embedding,
    "lstm": lambda: recurrent("LSTM"),
    "gru": lambda: recurrent("GRU"),
    "convolutions": convolutions,
    "attention": attention,
    "fixed": fixed,
    "island": with_island,
    "wide": lambda: dense(64),
    "blocks": lambda: dense(64, features=32),
}


def unsupported(x: Any) -> dict[str, Any]:
    """Answer with two operators that TensorFlow Lite has not: x [3, 3] to y [3, 3]."""
    import tensorflow as tf

    return {"y": tf.linalg.inv(x) + tf.linalg.cholesky(x)}


def custom(x: Any) -> dict[str, Any]:
    """Answer with an operator that neither TensorFlow Lite nor its Flex delegate has."""
    import tensorflow as tf

    return {"y": tf.raw_ops.Betainc(a=x, b=x, x=x)}


FUNCTIONS = {"unsupported": (unsupported, (None, 3, 3)), "custom": (custom, (None, 3))}


@functools.cache
def source(name: str) -> Source:
    """Give a source model of `SOURCES` as the stages train and export leave it, made once."""
    from stages import keras_file, serving
    from stages.routes import Source
    from stages.schema.train import Model
    from stages.sources import Brought

    brought = Brought(folder() / name)
    brought.settle(Model())
    keras_file.save(SOURCES[name](), brought.keras)
    saved_model = brought.folder / "saved_model"
    serving.save_keras(brought.load_keras(), saved_model, KEY)
    return Source(saved_model, brought, serving.describe(serving.load(saved_model, KEY), KEY))


@functools.cache
def module_source(key: str) -> Source:
    """Give one signature of `module` as an imported SavedModel."""
    from stages import serving
    from stages.routes import Source
    from stages.schema.train import Model
    from stages.sources import Brought, bring

    brought = Brought(folder() / f"module_{key}")
    bring(Model(file=str(module_saved()), signature=key), brought)
    signature = serving.describe(serving.load(brought.saved_model, key), key)
    return Source(brought.saved_model, brought, signature)


@functools.cache
def function_source(name: str) -> Source:
    """Give a function of `FUNCTIONS` as an imported model."""
    import tensorflow as tf

    from stages import serving
    from stages.routes import Source
    from stages.schema.train import Model
    from stages.sources import Brought

    function, shape = FUNCTIONS[name]
    brought = Brought(folder() / f"function_{name}")
    brought.settle(Model())
    specs = {"x": tf.TensorSpec(shape, name="x")}
    serving.save_function(tf.function(function), specs, [], brought.saved_model, KEY)
    loaded = serving.load(brought.saved_model, KEY)
    return Source(brought.saved_model, brought, serving.describe(loaded, KEY))


@functools.cache
def module_saved() -> Path:
    """Give a SavedModel folder of `module`."""
    import tensorflow as tf

    both, path = module(), folder() / "module"
    tf.saved_model.save(both, str(path), signatures={"double": both.double, "total": both.total})
    return path


@functools.cache
def keras_2() -> Path:
    """Give a .h5 file that Keras 2 wrote and Keras 3 refuses, made in a process of its own."""
    path = folder() / "keras_2.h5"
    code = f"""
import tf_keras as keras
keras.utils.set_random_seed(1)
image = keras.Input((8, 8, 1), name="image")
inner = keras.layers.Conv2D(4, 3, activation="relu")(image)
inner = keras.layers.DepthwiseConv2D(3, activation="relu")(inner)
outer = keras.layers.Dense(10, name="digit")(keras.layers.Flatten()(inner))
keras.Model(image, outer).save({str(path)!r}, save_format="h5")
"""
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return path


def split(source: Source, count: int = 32) -> Samples:
    """Give `count` samples that a source takes, with classes where it has ten outputs."""
    from stages.samples import Samples

    inputs = {
        name: batch_of(tuple(spec["shape"][1:]), count, dtype=spec["dtype"])
        for name, spec in source.signature["inputs"].items()
    }
    return Samples(inputs, {}, None, "none")


def truth(source: Source, samples: Samples) -> dict[str, Any]:
    """Give what a source model answers to samples, by output name."""
    from stages import serving
    from stages.export import answer

    path = Path(tempfile.mkdtemp(dir=folder())) / "answers"
    answer(serving.load(source.saved_model, source.key), samples, 8, path)
    return {file.stem: np.load(file) for file in path.glob("*.npy")}


@functools.cache
def folder() -> Path:
    """Give a folder that lasts as long as the test run."""
    path = Path(tempfile.mkdtemp(prefix="zoo-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def answers(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Give what the Keras model answers, by output name."""
    _, function = serving(model)
    return {name: value.numpy() for name, value in function(**_constants(inputs)).items()}


def _constants(inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(value) for name, value in inputs.items()}


@functools.cache
def _cnn() -> Any:
    return cnn()


def _keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import keras

    return keras
