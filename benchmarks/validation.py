"""What measuring costs beside inference: `python -m benchmarks.validation`, after `dvc repro`.

Validation of every variant that was built, against calling the interpreter directly on the same
batches of the same samples, with inputs that are quantized beforehand and outputs that nobody
looks at.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import machine, table
from stages.litert import Model
from stages.reference import place, read_signature, suited
from stages.run import parameters, run, section
from stages.samples import Samples, read_split
from stages.schema.validate import Validate
from stages.validate import read_reference, validate

if TYPE_CHECKING:
    from collections.abc import Callable

BUILD = Path("build")


def main() -> None:
    """Measure as often as the command line says, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description="Compare validation with bare inference.")
    parser.add_argument("--runs", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--samples", type=int, default=20000, help="at least (default: %(default)s)"
    )
    arguments = parser.parse_args()
    print(machine())
    seconds: dict[str, list[float]] = {}
    pairs = {}
    for variant in section("report", "variants"):
        name, bare = f"validate {variant}", f"bare {variant}"
        pairs[name] = bare
        measuring, calling = prepared(variant, arguments.samples)
        for _ in range(arguments.runs):
            seconds.setdefault(name, []).append(timed(measuring))
            seconds.setdefault(bare, []).append(timed(calling))
    print("\n".join(table(seconds, pairs)))


def prepared(variant: str, least: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Give the two ways of running one variant, on the evaluation samples over and over."""
    options = parameters(Validate, "validate")
    key = section("convert", variant)["signature"]
    signature = read_signature(BUILD / "export", key)
    split = read_split(BUILD / "prepare" / "evaluation")
    rows = np.tile(np.arange(len(split)), -(-least // len(split)))
    samples = split.take(rows)
    stored = read_reference(place(BUILD / "export", key) / "reference", list(signature["outputs"]))
    reference = {name: values[rows] for name, values in stored.items()}
    content = (BUILD / "convert" / variant / "model.tflite").read_bytes()
    asked: dict[str, Any] = {"variant": variant, "reference": reference, "samples": samples}
    asked |= {"signature": signature, "options": options}
    batches = quantized(content, suited(samples, signature), signature["key"], options.batch_size)
    return lambda: validate(content, **asked), lambda: call(content, batches, options.threads)


def quantized(
    content: bytes, samples: Samples, key: str, size: int
) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Give batches in the file's own types."""
    model = Model(content, signature=key)
    return [model.stored(batch.inputs) for batch in samples.batches(size)]


def call(content: bytes, batches: list[dict[str, np.ndarray[Any, Any]]], threads: int) -> None:
    """Load a file and run it on batches, by LiteRT's own interface."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads)
    key = next(iter(interpreter.get_signature_list()))
    runner = interpreter.get_signature_runner(key)
    for batch in batches:
        runner(**batch)


def timed(function: Callable[[], Any]) -> float:
    """Call a function and give its seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    run(main)
