"""Measure one variant against the source model on real samples: `python -m stages.validate int8`.

Nothing is judged here: the gate does that, so that a failed check leaves its measurement behind. A
file that cannot run is a measurement too.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.parameters import as_dataclass, parameters, section
from litemill.config.schema.target import MEASURED
from litemill.config.schema.validate import Validate
from litemill.config.toolchain import version_mismatches
from litemill.core.errors import DataError, ErrorGroup, InterpreterError, LitemillError
from litemill.core.files import write_json
from litemill.data.samples import Samples, read_split
from litemill.evaluation.chance import refuse_chance
from litemill.evaluation.kernel_matrix import MEASURES, NOT_RUN, measure_kernels
from litemill.evaluation.layer_errors import compare_layers
from litemill.evaluation.measurement_case import DEFAULT, MeasurementCase
from litemill.evaluation.target_measurement import MeasuredTarget, measure_target
from litemill.models.input_scaling import read_scaling
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
    float_content: bytes | None = None,
    isolated: bool = False,
    target: MeasuredTarget | None = None,
) -> dict[str, Any]:
    """Measure a .tflite file in batches, so that memory does not grow with the samples.

    Args:
        content: the file.
        variant: its name.
        reference: the source model's outputs by name, [samples, ...].
        samples: the evaluation split.
        signature: {"key", "inputs", "outputs"} as `export` writes it.
        options: how to measure.
        float_content: the float file of the same graph, to compare layers with.
        isolated: run the file in processes of its own; a crash is then a measurement.
        target: where it runs; measured in processes of its own. None is a CPU.

    Returns:
        The measurement, as JSON takes it; "error" says why a file could not be run.

    Raises:
        DataError: reference and samples do not belong together.
    """
    measured: dict[str, Any] = {
        "variant": variant,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "samples": len(samples),
        "error": None,
        **_NOT_MEASURED,
    }
    for name, values in reference.items():
        if len(values) != len(samples):
            message = f"{len(values)} reference outputs of {name!r}"
            raise DataError("build/export/reference", message, f"expected {len(samples)}")
    samples = match_samples(samples, signature)
    run = _isolated_runner(variant, options.timeout_seconds) if isolated else _run_here
    try:
        description = describe(content, variant)
        measured |= _description_keys(description)
        case = MeasurementCase(
            content=content,
            description=description,
            variant=variant,
            signature=signature["key"],
            reference=reference,
            samples=samples,
            options=options,
            kernels=tuple(options.kernels),
        )
        measured |= _measure_all_kernels(case, run)
        if float_content is not None and float_content != content and options.layer_samples:
            measured |= _measure_layers(case, float_content, run)
        if target and target.kind.kernels:
            measured |= _measure_target(case, target, measured["kernels"])
    except InterpreterError as error:
        measured["error"] = str(error)
    rounded: dict[str, Any] = _rounded(measured)
    return rounded


def _measure_target(
    case: MeasurementCase, target: MeasuredTarget, kernels: dict[str, Any]
) -> dict[str, Any]:
    target.kind.import_interpreter()  # before the fork, too
    measures = measure_target(case, target, _isolated_runner(case.variant, target.seconds))
    return {**measures, "kernels": {**kernels, **measures["kernels"]}}


def _run_here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _isolated_runner(variant: str, seconds: float) -> Run:
    # Imported before the fork, so that not every child does; nothing has run yet.
    import ai_edge_litert.interpreter  # noqa: F401

    deadline = time.monotonic() + seconds

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        remaining = max(0.0, deadline - time.monotonic())
        try:
            return run_isolated(
                _run_captured, function, *arguments, seconds=remaining, place=variant, fork=True
            )
        except OutOfTimeError:
            message = f"no answer within {seconds:g} s"
            raise OutOfTimeError(variant, message, "the run was ended") from None

    return run


def _run_captured(function: Callable[..., Any], *arguments: Any) -> Any:
    with capture_output(explained=LitemillError):  # a process that aborts writes why first
        return function(*arguments)


def _measure_all_kernels(case: MeasurementCase, run: Run) -> dict[str, Any]:
    """Measure under all sets of kernels; where that crashes, find out which of them does."""
    try:
        return dict(run(measure_kernels, case))
    except CrashError:
        run(measure_kernels, replace(case, kernels=(DEFAULT,)))
    running, crashed = [DEFAULT], {}
    for name in case.kernels:
        if name == DEFAULT:
            continue
        try:
            run(measure_kernels, replace(case, kernels=(DEFAULT, name)))
            running.append(name)
        except CrashError as error:
            crashed[name] = {"error": str(error), **NOT_RUN}
    measures = dict(run(measure_kernels, replace(case, kernels=tuple(running))))
    return {**measures, "kernels": {**measures["kernels"], **crashed}}


def _measure_layers(case: MeasurementCase, float_content: bytes, run: Run) -> dict[str, Any]:
    """Compare every layer; a file that has been measured does not fail by this."""
    samples = next(case.samples.batches(case.options.layer_samples))
    try:
        errors = run(
            compare_layers, case.content, float_content, samples, case.signature, case.variant
        )
    except InterpreterError:
        return {}
    return {"layers": errors.rows, "advice": errors.advice} if errors else {}


_NOT_MEASURED: dict[str, Any] = {
    **MEASURES,
    "kernels": {},
    "per_class": None,
    "per_slice": None,
    "confusion": None,
    "channels": {},
    "histograms": {},
    "layers": None,
    "advice": [],
    "sequence": None,
    "worst_samples": None,
    "operators": [],
    "inputs": [],
    "outputs_detail": [],
    "weights": {},
    "min_runtime_version": None,
    "target": None,
}


def _description_keys(description: Description) -> dict[str, Any]:
    values = description.as_json()
    keys = ("operators", "inputs", "weights", "min_runtime_version")
    return {key: values[key] for key in keys} | {"outputs_detail": values["outputs"]}


def _rounded(value: Any) -> Any:
    """Round every number to `DIGITS`; NaN and infinity, which JSON cannot hold, become None."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def read_float(folder: Path) -> bytes | None:
    """Read the float file, or None where the graph has none."""
    file = folder / "model.tflite"
    return file.read_bytes() if file.exists() else None


def _target(variant: str) -> MeasuredTarget:
    """Read where a variant runs.

    Raises:
        ErrorGroup: its interpreter is not the one that requirements.lock pins.
    """
    resolved = section("targets", variant)
    if wrong := version_mismatches(resolved["versions"]):
        raise ErrorGroup(wrong)
    options = as_dataclass(MEASURED[resolved["options"]["kind"]], resolved["options"])
    return MeasuredTarget(resolved["name"], options)


def run(variant: str, *, converted: Path, exported: Path, evaluation: Path, out: Path) -> None:
    """Measure one variant of build/params.json.

    Args:
        variant: its name.
        converted: the directory of its model.tflite.
        exported: what the stage export wrote.
        evaluation: the evaluation split.
        out: the measurement, a .json file.

    Raises:
        DataError: the source model is no better than chance; nothing that is measured says much.
    """
    key = section("convert", variant)["signature"]
    signature = read_signature(exported, key)
    options, samples = parameters(Validate, "validate"), read_split(evaluation)
    reference = read_reference_outputs(signature_folder(exported, key) / "reference")
    if options.metric and not options.accept_chance:
        refuse_chance(options.metric, reference, samples, read_scaling(exported))
    measured = measure_variant(
        (converted / "model.tflite").read_bytes(),
        variant=variant,
        reference=reference,
        samples=samples,
        signature=signature,
        options=options,
        float_content=read_float(signature_folder(exported, key) / "float"),
        isolated=True,
        target=_target(variant),
    )
    write_json(out, measured)
    if measured["error"]:
        print(measured["error"], file=sys.stderr)
