"""Golden samples: real inputs, the outputs of a variant, and the tolerance for other runtimes.

The outputs are those of LiteRT's reference kernels: plain loops that do not depend on the
processor, and what the kernels of microcontrollers are compared with. Other kernels round
differently, so each output has a tolerance, in its own real unit:

- a quantized output: one quantization step, and the steps by which LiteRT's own kernel sets
  (XNNPACK, builtin, reference) differ from each other on these samples;
- a float output of a float model: 1e-4 of the output's range over all evaluation samples, and the
  difference of the kernel sets;
- a float output of a model that computes with integers: 1/255 of that range, which is one step of
  an int8 tensor that spans it, and the difference of the kernel sets;
- an integer output without a scale, such as a class index: 0.

Tolerances of float outputs are rounded up to 1, 2 or 5 times a power of ten.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.tflite.description import INTEGER_WEIGHTS
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from litemill.data.samples import Samples
    from litemill.tflite.description import Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

LONGEST = 80  # characters of a tensor's name that are part of a file's
FLOAT_SHARE = 1e-4
STEP_SHARE = 1 / 255


@dataclass(frozen=True)
class Golden:
    """What a device has to reproduce.

    Attributes:
        inputs: by name, [samples, ...] in the variant's own types.
        outputs: by name, [samples, ...] in the variant's own types.
        tolerances: by output, the largest difference allowed, in real units.
        kernels: which kernel set computed the outputs.
        model: the loaded variant.
    """

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    tolerances: dict[str, float]
    kernels: str
    model: Model


@dataclass(frozen=True)
class _Call:
    """A file, the signature to call, and what errors call the file."""

    content: bytes
    signature: str | None
    place: object


@dataclass(frozen=True)
class _Run:
    """The outputs of one kernel set, in the file's own types."""

    kernels: str
    model: Model
    stored: dict[str, Array]


def record_golden(
    content: bytes,
    samples: Samples,
    ranges: Mapping[str, tuple[float, float]],
    *,
    signature: str | None = None,
    place: object = "model",
) -> Golden:
    """Run samples through a variant with every kernel set.

    Args:
        content: the .tflite file.
        samples: real inputs.
        ranges: by output, the lowest and the highest value over the evaluation samples.
        signature: key of the one to call; by default the first.
        place: what errors call the file.

    Raises:
        InterpreterError: no kernel set runs the file.
    """
    sets = (Kernels.reference, Kernels.no_delegate, Kernels.default)
    results = [_run(_Call(content, signature, place), kernels, samples) for kernels in sets]
    runs = [result for result in results if isinstance(result, _Run)]
    if not runs:
        raise next(result for result in results if isinstance(result, InterpreterError))
    model, stored = runs[0].model, runs[0].stored
    real = model.real(stored)
    others = [run.model.real(run.stored) for run in runs[1:]]
    tolerances = {
        name: _tolerance(
            tensor,
            max((_difference(real[name], other[name]) for other in others), default=0.0),
            ranges.get(name) or (float(np.min(real[name])), float(np.max(real[name]))),
            integer=bool(INTEGER_WEIGHTS & set(model.description.weights)),
        )
        for name, tensor in model.outputs.items()
    }
    return Golden(model.stored(samples.inputs), stored, tolerances, runs[0].kernels, model)


def write_golden(golden: Golden, folder: Path) -> dict[str, Any]:
    """Write the arrays of a variant and return its part of golden.json."""
    record: dict[str, Any] = {"kernels": golden.kernels, "inputs": {}, "outputs": {}}
    for part, arrays, tensors in (
        ("inputs", golden.inputs, golden.model.inputs),
        ("outputs", golden.outputs, golden.model.outputs),
    ):
        (folder / part).mkdir(parents=True)
        for name, file in _array_files(arrays).items():
            np.save(folder / part / file, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            record[part][name] = {
                "file": f"{folder.name}/{part}/{file}",
                "dtype": arrays[name].dtype.name,
                "shape": list(arrays[name].shape),
                "scale": tensors[name].scale,
                "zero_point": tensors[name].zero_point,
            }
    for name, tolerance in golden.tolerances.items():
        scale = golden.model.outputs[name].scale
        steps = round(tolerance / scale) if scale else None
        record["outputs"][name] |= {"tolerance": tolerance, "tolerance_steps": steps}
    return record


def _run(call: _Call, kernels: Kernels, samples: Samples) -> _Run | InterpreterError:
    """Run samples with one kernel set; not every operator has a kernel in every set."""
    try:
        model = Model(call.content, signature=call.signature, kernels=kernels, place=call.place)
        return _Run(kernels.name, model, model.run_stored(model.stored(samples.inputs)))
    except InterpreterError as error:
        return error


def _difference(left: Array, right: Array) -> float:
    difference = np.abs(np.asarray(left, np.float64) - np.asarray(right, np.float64))
    return float(difference.max(initial=0.0))


def _tolerance(
    tensor: Tensor, difference: float, span: tuple[float, float], *, integer: bool
) -> float:
    if tensor.scale:
        steps = 1 + round(difference / tensor.scale)
        return float(f"{steps * tensor.scale:.6g}")
    if not tensor.dtype.startswith(("float", "bfloat")):
        return 0.0
    low, high = span
    share = STEP_SHARE if integer else FLOAT_SHARE
    return _rounded_up(((high - low) or abs(high) or 1.0) * share + difference)


def _rounded_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten, so that noise in the last digits is lost."""
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{next(unit * f for f in (1, 2, 5, 10) if value <= unit * f * (1 + 1e-9)):.1g}")


def _array_files(names: Iterable[str]) -> dict[str, str]:
    """Map each tensor to a file name: a tensor's may be a path, long, or differ in case only."""
    files: dict[str, str] = {}
    taken = set[str]()
    for name in names:
        stem = file = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).lstrip(".")[:LONGEST] or "_"
        number = len(files)
        while file.lower() in taken:
            file, number = f"{stem}-{number}", number + 1
        taken.add(file.lower())
        files[name] = f"{file}.npy"
    return files
