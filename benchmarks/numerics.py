"""What reproducible training costs: `python -m benchmarks.numerics`, after `dvc repro`.

The default model, and a wider one whose products are large enough to fill a processor, are fitted
on the train split under every choice of conf/numerics/, each time in a process of its own, in
turns. The first epoch, which traces the graph, does not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.timing import machine, table
from litemill.config.parameters import as_dataclass
from litemill.config.schema.numerics import Numerics
from litemill.config.selection import file_of
from litemill.core.exit_status import run_and_exit
from litemill.data.samples import read_split

if TYPE_CHECKING:
    from collections.abc import Iterator

CHOICES = ("reproducible", "fast")
MODELS = {
    "default": {"filters": [16, 32], "units": 32, "dropout": 0.2, "classes": 10},
    "wide": {"filters": [128, 256], "units": 512, "dropout": 0.2, "classes": 10},
}


def main() -> None:
    """Measure as often as the command line says, and print seconds an epoch and ratios."""
    parser = argparse.ArgumentParser(description="Compare reproducible training with fast.")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="per run (default: %(default)s)")
    parser.add_argument("--one", nargs=2, metavar=("CHOICE", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        choice, model = arguments.one
        print(json.dumps(seconds(choice, model, arguments.epochs)))
        return
    print(machine())
    measured: dict[str, list[float]] = {}
    for _ in range(arguments.runs):
        for name, choice, model in cases():
            measured.setdefault(name, []).append(isolated(choice, model, arguments.epochs))
    pairs = {f"{model} {CHOICES[0]}": f"{model} {CHOICES[1]}" for model in MODELS}
    print("\n".join(table(measured, pairs)))


def cases() -> Iterator[tuple[str, str, str]]:
    """Yield what is measured: a name, the choice of conf/numerics/ and the model."""
    for model in MODELS:
        for choice in CHOICES:
            yield f"{model} {choice}", choice, model


def isolated(choice: str, model: str, epochs: int) -> float:
    """Measure in a process of its own, since TensorFlow is started once."""
    words = ["--one", choice, model, "--epochs", str(epochs)]
    command = [sys.executable, "-m", "benchmarks.numerics", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def seconds(choice: str, name: str, epochs: int) -> float:
    """Fit a model and return the seconds an epoch took."""
    from litemill.runtime import tensorflow_start
    from models.digits_cnn import build

    tensorflow_start.start_tensorflow(numerics(choice))
    import keras

    model = build(**MODELS[name])  # type: ignore[arg-type]  # a table of mixed values
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss)
    samples = read_split(Path("build/prepare/train"))
    data = (dict(samples.inputs), next(iter(samples.targets.values())))
    model.fit(*data, batch_size=32, epochs=1, verbose=0)
    start = time.perf_counter()
    model.fit(*data, batch_size=32, epochs=epochs, verbose=0)
    return (time.perf_counter() - start) / epochs


def numerics(choice: str) -> Numerics:
    """Read a choice of numerics, the project's or the package's."""
    import yaml

    values: dict[str, Any] = yaml.safe_load(file_of(Path.cwd(), "numerics", choice).read_bytes())
    return as_dataclass(Numerics, values)


if __name__ == "__main__":
    run_and_exit(main)
