"""Peak memory of each stage on data larger than it: `python -m benchmarks.scale --gigabytes 4`.

In a temporary copy of this project: an `.npz` of that size is written, piece by piece (the digits
data set, enlarged and shifted, so that no two samples are the same), prepared, trained on for one
epoch, exported, calibrated from, converted and validated against, with one process a stage. Needs
about three times the size on disk.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zipfile
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.build import copied
from benchmarks.timing import machine

SIDE, CHANNELS = 64, 3
PIECE = 1024  # samples that are written at a time
LIMIT = 1500  # MB; what docs/performance.md promises
PARAMS = """\
model: enlarged
data: enlarged
train: default
variants: [float32, int8]
sweeps: []
overrides:
  train: {epochs: 1, batch_size: 64}
  limits: {snr_db: null, top1_agreement: null, metric_drop_relative: null, metric_drop: null}
"""
DATA = """\
task: classification
load:
  _target_: litemill.data.loaders.npz
  path: data/enlarged/samples.npz
  inputs: {image: image}
  target: digit
split: {train: 0.1, calibration: 0.3, evaluation: 0.6}
metric: {name: top1, score: {_target_: litemill.metrics.top1}}
"""
MODEL = """\
build: {_target_: models.enlarged.build}
"""
CODE = '''\
"""A small network for large images."""


def build():
    """Return it, untrained."""
    import keras

    image = keras.Input((64, 64, 3), name="image")
    hidden = keras.layers.Conv2D(8, 5, strides=4, activation="relu")(image)
    hidden = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(hidden)
    digit = keras.layers.Dense(10, name="digit")(keras.layers.Flatten()(hidden))
    return keras.Model(image, digit, name="enlarged")
'''


def main() -> int:
    """Print the peak memory of each stage; 0 if none needed more than the limit."""
    parser = argparse.ArgumentParser(description="Measure memory on data larger than it.")
    parser.add_argument("--gigabytes", type=float, default=4, help="of data (default: 4)")
    parser.add_argument("--folder", type=Path, help="for temporary files (default: the system's)")
    arguments = parser.parse_args()
    print(machine())
    with TemporaryDirectory(dir=arguments.folder) as folder:
        project = copied(Path(folder) / "project")
        # In a process of its own: what this one takes counts for each that it starts.
        writing = get_context("fork").Process(target=write, args=(project, arguments.gigabytes))
        writing.start()
        writing.join()
        print(f"{'stage':<20}{'seconds':>9}{'peak MB':>9}")
        peaks = [measured(project, *words) for words in stages()]
    comparison = "at most" if max(peaks) <= LIMIT else "more than"
    print(f"the largest is {comparison} {LIMIT} MB")
    return int(max(peaks) > LIMIT)


def stages() -> list[tuple[str, ...]]:
    """Return the stages that read samples, as dvc.yaml runs them."""
    first: list[tuple[str, ...]] = [("configure",), ("prepare",), ("train",), ("export",)]
    both = [(stage, name) for stage in ("convert", "validate") for name in ("float32", "int8")]
    return [*first, *both]


def write(project: Path, gigabytes: float) -> None:
    """Write the data set, the model and the choices."""
    for name, text in (
        ("params.yaml", PARAMS),
        ("conf/data/enlarged.yaml", DATA),
        ("conf/model/enlarged.yaml", MODEL),
        ("models/enlarged/__init__.py", CODE),
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    count = int(gigabytes * 1e9 / (SIDE * SIDE * CHANNELS * 4))
    (project / "data/enlarged").mkdir()
    with zipfile.ZipFile(project / "data/enlarged/samples.npz", "w") as archive:
        _write_images(archive, count)
        with archive.open("digit.npy", "w") as file:
            np.lib.format.write_array(file, _digits(count)[1])
    print(f"{count} samples of {SIDE} x {SIDE} x {CHANNELS} float32", flush=True)


def _write_images(archive: zipfile.ZipFile, count: int) -> None:
    images, _ = _digits(count)
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, SIDE, SIDE, CHANNELS)}
    with archive.open("image.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, PIECE):
            numbers = np.arange(start, min(start + PIECE, count))
            small = images[numbers % len(images)]
            large = small.repeat(SIDE // 8, 1).repeat(SIDE // 8, 2)[..., None]
            # The number of the sample, as a faint shade: no sample is another's copy.
            shade = (numbers / count)[:, None, None, None] / 16
            pixels = np.broadcast_to(large + shade, (len(numbers), SIDE, SIDE, CHANNELS))
            file.write(np.ascontiguousarray(pixels, "<f4").tobytes())


def _digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    known = load_digits()
    numbers = np.arange(count) % len(known.images)
    return known.images / 16, known.target[numbers]


def measured(project: Path, stage: str, *words: str) -> float:
    """Run a stage in a process of its own; print and return its peak resident memory in MB."""
    start = time.monotonic()
    command = [sys.executable, "-m", f"stages.{stage}", *words]
    environment = os.environ | {"LITEMILL_WORKER": "0"}
    log = project.parent / "log"
    pid = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", 'cd "$0" && exec "$@" > ../log 2>&1', str(project), *command],
        environment,
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{stage}: {log.read_text()[-2000:]}")
    peak = usage.ru_maxrss / 1000
    print(
        f"{' '.join((stage, *words)):<20}{time.monotonic() - start:>9.1f}{peak:>9.0f}", flush=True
    )
    return peak


if __name__ == "__main__":
    sys.exit(main())
