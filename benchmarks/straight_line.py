"""The default release, without a pipeline: `python -m benchmarks.straight_line`.

One process, from top to bottom, as a notebook would have it: the same data, model, training,
export, conversions and measurements as `dvc repro`, and a table at the end. Nothing is cached,
checked or packaged. It is what the pipeline's speed is compared with.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

SEED = 0
EPOCHS = 20
BATCH = 16  # in training
BLOCK = 64  # in measuring
SHARES = (1258, 180, 359)  # train, calibration, evaluation, as the pipeline splits 1,797 samples
VARIANTS = ("float32", "dynamic_range", "float16", "int8", "int8_float_io", "int16x8")
KERNELS = ("AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF")  # as LiteRT calls them
SETTINGS = {  # of conf/numerics/reproducible.yaml
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "CUDA_VISIBLE_DEVICES": "-1",
}

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[Array, Array]  # images [n, 8, 8, 1] and digits [n]


def main() -> None:
    """Build everything below the folder that the command line names, or a temporary one."""
    parser = argparse.ArgumentParser(description="Build the default release in one process.")
    parser.add_argument("--out", type=Path, help="where the files go (default: nowhere)")
    out = parser.parse_args().out
    with TemporaryDirectory() as scratch:
        for row in build(out or Path(scratch)):
            print("  ".join(f"{cell:>14}" for cell in row))


def build(out: Path) -> list[list[str]]:
    """Train, export, convert and measure; give the table."""
    os.environ.update(SETTINGS)
    train, calibration, evaluation = split()
    model = fitted(train)
    model.export(str(out / "saved_model"), verbose=False)
    images, digits = evaluation
    reference = np.concatenate(
        [model(images[i : i + BLOCK]).numpy() for i in range(0, len(images), BLOCK)]
    )
    table = [["variant", "kernels", "bytes", "top1", "agreement", "SNR dB", "max error", "cosine"]]
    for variant in VARIANTS:
        content = converted(variant, out / "saved_model", calibration[0])
        (out / f"{variant}.tflite").write_bytes(content)
        for kernels in KERNELS:
            row = measured(answered(content, images, kernels), reference, digits)
            table.append([variant, kernels, f"{len(content)}", *row])
    return table


def split() -> list[Pair]:
    """Load the digits and divide them at random."""
    from data.digits import load

    data = load()
    images, digits = np.asarray(data.inputs["image"]), np.asarray(data.targets)
    order = np.random.default_rng(SEED).permutation(len(images))
    parts = np.split(order[: sum(SHARES)], np.cumsum(SHARES)[:-1])
    return [(images[part], digits[part]) for part in parts]


def fitted(train: Pair) -> Any:
    """Train the model of conf/model/digits_cnn.yaml as conf/train/default.yaml says."""
    import keras
    import tensorflow as tf

    from models.digits_cnn import build as untrained

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = untrained(filters=[16, 32], units=32, dropout=0.3, classes=10)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1, verbose=0)
    return model


def converted(variant: str, saved_model: Path, samples: Array) -> bytes:
    """Convert the SavedModel to one variant."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    sets = tf.lite.OpsSet
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant.startswith("int"):
        converter.representative_dataset = lambda: (
            [sample[np.newaxis]] for sample in samples[:100]
        )
        converter.target_spec.supported_ops = [
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if variant == "int16x8"
            else sets.TFLITE_BUILTINS_INT8
        ]
    if variant == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def answered(content: bytes, images: Array, kernels: str) -> Array:
    """Run a file on images by one set of kernels, a batch at a time, and give real numbers."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType[kernels]
    interpreter = Interpreter(
        model_content=content, num_threads=1, experimental_op_resolver_type=resolver
    )
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = taken["quantization"]
    if taken["dtype"] == np.int8:
        images = np.clip(np.round(images / scale) + zero, -128, 127).astype(np.int8)
    answers = []
    for start in range(0, len(images), BLOCK):
        batch = images[start : start + BLOCK]
        interpreter.resize_tensor_input(taken["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], batch)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"]))
    answer = np.concatenate(answers)
    scale, zero = given["quantization"]
    return (answer.astype(np.float32) - zero) * scale if given["dtype"] == np.int8 else answer


def measured(answers: Array, reference: Array, digits: Array) -> list[str]:
    """Return top-1, agreement, SNR, largest error and cosine similarity, as text."""
    got, expected = answers.astype(np.float64), reference.astype(np.float64)
    top, noise = got.argmax(axis=-1), got - expected
    ratio = 10 * np.log10((expected**2).sum() / (noise**2).sum())
    cosine = (got * expected).sum() / np.sqrt((got**2).sum() * (expected**2).sum())
    return [
        f"{(top == digits).mean():.4f}",
        f"{(top == expected.argmax(axis=-1)).mean():.4f}",
        f"{ratio:.1f}",
        f"{np.abs(noise).max():.3g}",
        f"{cosine:.6f}",
    ]


if __name__ == "__main__":
    main()
