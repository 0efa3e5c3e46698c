"""Golden samples: real inputs, the outputs of a variant, and the tolerance for other runtimes.

The outputs are those of the target's own interpreter, where it has one: no kernels of LiteRT equal
those of TensorFlow Lite Micro. Elsewhere they are those of LiteRT's reference kernels: plain loops
that do not depend on the processor. `litemill.release.golden_tolerance` says how far others may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.release.golden_tolerance import OutputScale
from litemill.tflite.description import INTEGER_WEIGHTS
from litemill.tflite.graph import dequantized_scales
from litemill.tflite.interpreter import Kernels, Model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litemill.data.samples import Samples

    Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Golden:
    """What a device has to reproduce.

    Attributes:
        inputs: by name, [samples, ...] in the variant's own types.
        outputs: by name, [samples, ...] in the variant's own types.
        tolerances: by output, the largest difference allowed, in real units.
        target_tolerances: as `tolerances`, but only for kernels that compute as the target's do:
            with the difference of that kernel set of LiteRT which is nearest.
        kernels: which kernel set computed the outputs.
        model: the loaded variant.
    """

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    tolerances: dict[str, float]
    target_tolerances: dict[str, float]
    kernels: str
    model: Model


@dataclass(frozen=True)
class TargetInterpreter:
    """The interpreter of a target, which computes the golden outputs.

    Attributes:
        kernels: what measurements call it.
        load: loads a file, as `litemill.targets.kind.TargetKind.load`.
    """

    kernels: str
    load: Callable[..., Model]


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


def record_golden(  # noqa: PLR0913
    content: bytes,
    samples: Samples,
    ranges: Mapping[str, tuple[float, float]],
    *,
    signature: str | None = None,
    place: object = "model",
    target: TargetInterpreter | None = None,
) -> Golden:
    """Run samples through a variant with every kernel set.

    Args:
        content: the .tflite file.
        samples: real inputs.
        ranges: by output, the lowest and the highest value over the evaluation samples.
        signature: key of the one to call; by default the first.
        place: what errors call the file.
        target: whose outputs are golden; by default those of LiteRT's reference kernels.

    Raises:
        InterpreterError: no kernel set runs the file, or the target's interpreter does not.
    """
    call = _Call(content, signature, place)
    golden = _run_target(call, target, samples) if target else None
    sets = (Kernels.reference, Kernels.no_delegate, Kernels.default)
    results = [golden, *(_run(call, kernels, samples) for kernels in sets)]
    runs = [result for result in results if isinstance(result, _Run)]
    if not runs:
        raise next(result for result in results if isinstance(result, InterpreterError))
    model, stored = runs[0].model, runs[0].stored
    differences = _differences(runs)
    scales = _scales(content, model, ranges, model.real(stored))
    return Golden(
        inputs=model.stored(samples.inputs),
        outputs=stored,
        tolerances={name: scales[name].tolerance(max(differences[name])) for name in scales},
        target_tolerances={name: scales[name].tolerance(min(differences[name])) for name in scales},
        kernels=runs[0].kernels,
        model=model,
    )


def _differences(runs: list[_Run]) -> dict[str, list[float]]:
    """Return by output how far each other kernel set is from the first, in real units."""
    first = runs[0].model.real(runs[0].stored)
    others = [run.model.real(run.stored) for run in runs[1:]]
    return {
        name: [_difference(values, other[name]) for other in others] or [0.0]
        for name, values in first.items()
    }


def _scales(
    content: bytes,
    model: Model,
    ranges: Mapping[str, tuple[float, float]],
    real: Mapping[str, Array],
) -> dict[str, OutputScale]:
    steps = dequantized_scales(content)
    integer = bool(INTEGER_WEIGHTS & set(model.description.weights))
    return {
        name: OutputScale(
            tensor,
            steps.get(tensor.name),
            ranges.get(name) or (float(np.min(real[name])), float(np.max(real[name]))),
            integer,
        )
        for name, tensor in model.outputs.items()
    }


def _run_target(call: _Call, target: TargetInterpreter, samples: Samples) -> _Run:
    model = target.load(call.content, signature=call.signature, place=call.place)
    return _Run(target.kernels, model, model.run_stored(model.stored(samples.inputs)))


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
