"""What measuring costs beside inference: `python -m benchmarks.validation`, after `dvc repro`.

Validation, as the stage does it, against calling the interpreter directly: the same batches of the
same samples under the same sets of kernels, one after the other, with inputs that are quantized
beforehand and outputs that nobody looks at. Validation runs the sets side by side: `--cores 1`
tells what it costs without that. Of the variants that were built, whose model is as small as models
get, and of a network of MobileNet's blocks on 96 x 96 pixels, which is about as small as models in
use are.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import machine, table
from litemill.config.parameters import parameters, section
from litemill.config.schema.validate import Metric, Validate
from litemill.core.exit_status import run_and_exit
from litemill.data.samples import Samples, read_split
from litemill.evaluation.validate import measure_variant
from litemill.models.reference_outputs import (
    match_samples,
    read_reference_outputs,
    read_signature,
    signature_folder,
)
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import run_isolated
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Array = np.ndarray[Any, np.dtype[Any]]

BUILD = Path("build")
KEY = "serving_default"
SHAPE = (96, 96, 3)
CLASSES = 100


@dataclass(frozen=True)
class Work:
    """A file and the samples that it is measured on."""

    name: str
    content: bytes
    samples: Samples
    reference: dict[str, Array]
    signature: dict[str, Any]
    options: Validate

    def measure(self) -> None:
        """Validate as the stage does."""
        measure_variant(
            self.content,
            variant=self.name,
            reference=self.reference,
            samples=self.samples,
            signature=self.signature,
            options=self.options,
            isolated=True,
        )

    def bare(self) -> Callable[[], None]:
        """Return a function that runs the same batches, which are quantized here and now."""
        model = Model(self.content, signature=self.signature["key"])
        samples = match_samples(self.samples, self.signature)
        size, most = self.options.batch_size, self.options.reference_samples or len(samples)
        batches = [model.stored(batch.inputs) for batch in samples.batches(size)]
        first = next(samples.batches(most))
        few = [model.stored(batch.inputs) for batch in first.batches(size)]

        def call() -> None:
            for kernels in self.options.kernels:
                self._call(Kernels[kernels], few if kernels == "reference" else batches)

        return call

    def _call(self, kernels: Kernels, batches: list[dict[str, Array]]) -> None:
        """Load the file and run it on batches, by LiteRT's own interface."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        interpreter = Interpreter(
            model_content=self.content,
            num_threads=self.options.threads,
            experimental_op_resolver_type=OpResolverType[kernels.value],
        )
        runner = interpreter.get_signature_runner(self.signature["key"])
        for batch in batches:
            runner(**batch)


def main() -> None:
    """Measure as often as the command line says, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description="Compare validation with bare inference.")
    parser.add_argument("--runs", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--samples", type=int, default=20000, help="of the built variants (default: %(default)s)"
    )
    parser.add_argument("--images", type=int, default=512, help="of the network; 0 leaves it out")
    parser.add_argument(
        "--kernels", nargs="+", choices=Kernels.__members__, help="sets (default: as configured)"
    )
    parser.add_argument("--cores", type=int, help="that both sides may use (default: all)")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    print(machine())
    seconds: dict[str, list[float]] = {}
    pairs = {}
    for work in works(arguments.samples, arguments.images):
        options = replace(work.options, kernels=arguments.kernels or work.options.kernels)
        case = replace(work, options=options)
        name, bare = f"validate {work.name}", f"bare {work.name}"
        pairs[name] = bare
        calling = case.bare()
        for _ in range(arguments.runs):
            seconds.setdefault(name, []).append(timed(case.measure))
            seconds.setdefault(bare, []).append(timed(calling))
    print("\n".join(table(seconds, pairs)))


def works(least: int, images: int) -> Iterator[Work]:
    """Return every variant that was built, and the larger model as float32 and int8."""
    yield from (built(variant, least) for variant in section("report", "variants"))
    if images:
        yield from larger(images)


def built(variant: str, least: int) -> Work:
    """Return a variant on the evaluation samples, over and over."""
    key = section("convert", variant)["signature"]
    signature = read_signature(BUILD / "export", key)
    split = read_split(BUILD / "prepare" / "evaluation")
    rows = np.tile(np.arange(len(split)), -(-least // len(split)))
    stored = read_reference_outputs(signature_folder(BUILD / "export", key) / "reference")
    content = (BUILD / "convert" / variant / "model.tflite").read_bytes()
    reference = {name: values[rows] for name, values in stored.items()}
    options = parameters(Validate, "validate")
    return Work(variant, content, split.take(rows), reference, signature, options)


def larger(images: int) -> Iterator[Work]:
    """Convert the network; what its float file answers is the reference."""
    # Apart, so that nothing of TensorFlow is in the process that measures.
    files = run_isolated(converted, seconds=600, place="network")
    inputs = np.random.default_rng(0).random((images, *SHAPE), np.float32)
    labels = np.arange(images) % CLASSES
    names = tuple(map(str, range(CLASSES)))
    samples = Samples({"image": inputs}, {"target": labels}, names, "classification")
    model = Model(files["float32"], signature=KEY)
    parts = [model.run(batch.inputs) for batch in samples.batches(64)]
    reference = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    signature = {
        "key": KEY,
        "inputs": {"image": {"dtype": "float32", "shape": [None, *SHAPE]}},
        "outputs": dict.fromkeys(reference),
    }
    options = Validate(task="classification", metric=Metric(), reference_samples=32)
    for name, content in files.items():
        yield Work(f"blocks {name}", content, samples, reference, signature, options)


def converted() -> dict[str, bytes]:
    """Return the larger model as float32 and int8 files."""
    with capture_output():
        return _converted()


def _converted() -> dict[str, bytes]:
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    net = tf.keras.Sequential([tf.keras.layers.Input(SHAPE)])
    net.add(convolution(tf, 16, 3, strides=2))
    for width, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        kind = {"depthwise_initializer": "he_normal", "padding": "same", "activation": "relu"}
        net.add(tf.keras.layers.DepthwiseConv2D(3, strides, **kind))
        net.add(convolution(tf, width, 1))
    net.add(tf.keras.layers.GlobalAveragePooling2D())
    net.add(tf.keras.layers.Dense(CLASSES))
    module = tf.Module()
    module.held = [value.value for value in net.variables]
    spec = tf.TensorSpec([None, *SHAPE], tf.float32, name="image")
    function = tf.function(lambda image: {"label": net(image)}, input_signature=[spec])
    concrete = function.get_concrete_function()
    rows = np.random.default_rng(1).random((20, 1, *SHAPE), np.float32)
    files = {}
    for name in ("float32", "int8"):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        if name == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([row] for row in rows)
        files[name] = bytes(converter.convert())
    return files


def convolution(tf: Any, width: int, size: int, strides: int = 1) -> Any:
    """Return a layer whose random weights keep the size of numbers as it is."""
    kind = {"kernel_initializer": "he_normal", "padding": "same", "activation": "relu"}
    return tf.keras.layers.Conv2D(width, size, strides, **kind)


def timed(function: Callable[[], Any]) -> float:
    """Call a function and give its seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    run_and_exit(main)
