"""Measure one variant against the source model on real samples: `python -m stages validate int8`.

Nothing is judged here: the gate does that, so that a failed check leaves its measurement behind. A
file that cannot run is a measurement too.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.parameters import parameters, section
from litemill.config.schema.validate import Validate
from litemill.core.errors import DataError, InterpreterError, LitemillError
from litemill.core.files import write_json
from litemill.data.samples import Samples, read_split
from litemill.evaluation.kernel_matrix import MEASURES, NOT_RUN, MeasurementCase
from litemill.evaluation.kernel_matrix import measure_kernels as matrix
from litemill.evaluation.kernel_runner import DEFAULT
from litemill.evaluation.layer_errors import compare_layers
from litemill.models.reference_outputs import (
    match_samples,
    read_reference_outputs,
    read_signature,
    signature_folder,
)
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import CrashError, OutOfTimeError, run_isolated
from litemill.tflite.flatbuffer import describe

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.tflite.description import Description

    Array = np.ndarray[Any, np.dtype[Any]]

Run = Callable[..., Any]
DIGITS = 6  # significant; what is below differs by kernel and says nothing


def measure_variant(  # noqa: PLR0913
    content: bytes,
    *,
    variant: str,
    reference: dict[str, Array],
    samples: Samples,
    signature: dict[str, Any],
    options: Validate,
    plain: bytes | None = None,
    isolated: bool = False,
) -> dict[str, Any]:
    """Measure a .tflite file in batches, so that memory does not grow with the samples.

    Args:
        content: the file.
        variant: its name.
        reference: what the source model answers, [samples, ...] by output name.
        samples: the evaluation split.
        signature: {"key", "inputs", "outputs"} as `export` writes it.
        options: how to measure.
        plain: the float file of the same graph, to compare layers with.
        isolated: run the file in processes of its own; a crash is then a measurement.

    Returns:
        The measurement, as JSON takes it; "error" tells why a file could not be run.

    Raises:
        DataError: reference and samples do not belong together.
    """
    measured: dict[str, Any] = {
        "variant": variant,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "samples": len(samples),
        "error": None,
        **_NOTHING,
    }
    for name, values in reference.items():
        if len(values) != len(samples):
            found = f"{len(values)} reference outputs of {name!r}"
            raise DataError("build/export/reference", found, f"expected {len(samples)}")
    samples = match_samples(samples, signature)
    run = _apart(variant, options) if isolated else _here
    try:
        described = describe(content, variant)
        measured |= _described(described)
        kernels, key = tuple(options.kernels), signature["key"]
        case = MeasurementCase(
            content, described, variant, key, reference, samples, options, kernels
        )
        measured |= _measured(case, run)
        if plain is not None and plain != content and options.layer_samples:
            measured |= _layers(case, plain, run)
    except InterpreterError as error:
        measured["error"] = str(error)
    rounded: dict[str, Any] = _rounded(measured)
    return rounded


def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _apart(variant: str, options: Validate) -> Run:
    # Imported before the fork, so that not every child does; nothing has run yet.
    import ai_edge_litert.interpreter  # noqa: F401

    until = time.monotonic() + options.timeout_seconds

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        left = max(0.0, until - time.monotonic())
        try:
            return run_isolated(
                _quietly, function, *arguments, seconds=left, place=variant, fork=True
            )
        except OutOfTimeError:
            told = f"no answer within {options.timeout_seconds:g} s"
            raise OutOfTimeError(variant, told, "the run was ended") from None

    return run


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    with capture_output(explained=LitemillError):  # whoever aborts writes about it first
        return function(*arguments)


def _measured(case: MeasurementCase, run: Run) -> dict[str, Any]:
    """Measure under all sets of kernels; where that crashes, find out which of them it is."""
    try:
        return dict(run(matrix, case))
    except CrashError:
        run(matrix, replace(case, kernels=(DEFAULT,)))
    alive, crashed = [DEFAULT], {}
    for name in case.kernels:
        if name == DEFAULT:
            continue
        try:
            run(matrix, replace(case, kernels=(DEFAULT, name)))
            alive.append(name)
        except CrashError as error:
            crashed[name] = {"error": str(error), **NOT_RUN}
    found = dict(run(matrix, replace(case, kernels=tuple(alive))))
    return {**found, "kernels": {**found["kernels"], **crashed}}


def _layers(case: MeasurementCase, plain: bytes, run: Run) -> dict[str, Any]:
    """Look at every layer; a file that has been measured does not fail by this."""
    some = next(case.samples.batches(case.options.layer_samples))
    try:
        found = run(compare_layers, case.content, plain, some, case.key, case.variant)
    except InterpreterError:
        return {}
    return {"layers": found.rows, "advice": found.advice} if found else {}


_NOTHING: dict[str, Any] = {
    **MEASURES,
    "kernels": {},
    "per_class": None,
    "per_slice": None,
    "confusion": None,
    "histograms": {},
    "layers": None,
    "advice": [],
    "sequence": None,
    "operators": [],
    "inputs": [],
    "outputs_detail": [],
    "weights": {},
    "min_runtime_version": None,
}


def _described(description: Description) -> dict[str, Any]:
    found: dict[str, Any] = asdict(description)
    kept = ("operators", "inputs", "weights", "min_runtime_version")
    described: dict[str, Any] = {key: found[key] for key in kept}
    return described | {"outputs_detail": found["outputs"]}


def _rounded(value: Any) -> Any:
    """Round every number to `DIGITS`; NaN and infinity, which JSON cannot hold, become None."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def read_float(folder: Path) -> bytes | None:
    """Read the float file, or None where the graph has none."""
    file = folder / "model.tflite"
    return file.read_bytes() if file.exists() else None


def run(variant: str, *, converted: Path, exported: Path, evaluation: Path, out: Path) -> None:
    """Measure one variant of build/params.json.

    Args:
        variant: its name.
        converted: the directory of its model.tflite.
        exported: what the stage export wrote.
        evaluation: the evaluation split.
        out: the measurement, a .json file.
    """
    key = section("convert", variant)["signature"]
    signature = read_signature(exported, key)
    measured = measure_variant(
        (converted / "model.tflite").read_bytes(),
        variant=variant,
        reference=read_reference_outputs(signature_folder(exported, key) / "reference"),
        samples=read_split(evaluation),
        signature=signature,
        options=parameters(Validate, "validate"),
        plain=read_float(signature_folder(exported, key) / "float"),
        isolated=True,
    )
    write_json(out, measured)
    if measured["error"]:
        print(measured["error"], file=sys.stderr)
