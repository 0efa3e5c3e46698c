"""Does LiteRT run a converted file, and does it answer what the source model answers?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.conversion.arithmetic import arithmetic_of
from litemill.core.errors import ConversionError, InterpreterError
from litemill.evaluation.tolerance import measure_output, shortfalls, tolerance_of
from litemill.models.reference_outputs import read_reference_outputs
from litemill.tflite.constants import constants
from litemill.tflite.graph import edges, nodes
from litemill.tflite.untrusted_file import UntrustedFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.conversion.convert import ConvertedFile
    from litemill.data.samples import Samples
    from litemill.models.exported_model import ExportedModel

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time
TIMEOUT_SECONDS = 600.0
RANDOM = ("RANDOM_", "MULTINOMIAL")  # TensorFlow Lite's operators that draw
DISCARDED = "output discarded; --keep writes it anyway"


@dataclass(frozen=True)
class OutputCheck:
    """What was checked, in a line; and why the file should not be used."""

    summary: str
    failures: list[ConversionError] = field(default_factory=list)


def check_runs(place: str, converted: ConvertedFile, model: ExportedModel) -> OutputCheck:
    """Run a file on one sample of zeros.

    A model that takes samples of any shape is not run: not every shape need suit it.
    """
    inputs = {
        name: np.zeros([1, *spec["shape"][1:]], spec["dtype"])
        for name, spec in model.signature["inputs"].items()
        if spec["shape"] and None not in spec["shape"][1:]
    }
    if scalars := [n for n, spec in model.signature["inputs"].items() if spec["shape"] == []]:
        return OutputCheck(f"not run, as input {scalars[0]!r} is a scalar, which has no samples")
    if len(inputs) < len(model.signature["inputs"]):
        return OutputCheck("not run, as it takes samples of any shape: see --samples")
    try:
        _file(place, converted, model).answers(inputs)
    except InterpreterError as error:
        return _not_run(place, converted, error)
    draws = sorted({o.name for o in converted.description.operators if o.name.startswith(RANDOM)})
    note = f"; its answers are random ({', '.join(draws)})" if draws else ""
    return OutputCheck(f"LiteRT runs it{note}")


def check_outputs(
    place: str,
    converted: ConvertedFile,
    model: ExportedModel,
    samples: Samples,
    folder: Path,
) -> OutputCheck:
    """Compare a file's outputs with the source model's on samples that did not calibrate it.

    Where all of them did, on these.

    Args:
        place: what errors call the file.
        converted: the file; its `rows` are those of `samples` that calibrated it.
        model: the source model.
        samples: real inputs.
        folder: where the source's outputs go; made here.
    """
    kind = ""
    if converted.rows:
        others = sorted(set(range(len(samples))) - set(converted.rows))
        kind = "the other " if others else "the same "
        samples = samples.take(others) if others else samples
    model.write_reference_outputs(samples, BATCH, folder)
    reference = read_reference_outputs(folder)
    inputs = next(samples.batches(len(samples))).inputs
    try:
        outputs = _file(place, converted, model).answers(inputs)
    except InterpreterError as error:
        return _not_run(place, converted, error)
    measures = {name: measure_output(reference[name], outputs[name]) for name in reference}
    limits = tolerance_of(converted.description, arithmetic_of(converted.description))
    cause = overflowing_constant(converted.content)
    failures = [
        ConversionError(place, f"not faithful: {line}{cause}", DISCARDED)
        for name, measured in measures.items()
        for line in shortfalls(name, measured, limits, len(samples))
    ]
    summary = f"{_lowest_snr(measures)} on {kind}{format_count(len(samples))}"
    return OutputCheck(summary, failures)


def format_count(count: int) -> str:
    """Write a number of samples."""
    return "1 sample" if count == 1 else f"{count} samples"


def _file(place: str, converted: ConvertedFile, model: ExportedModel) -> UntrustedFile:
    # It runs in a process of its own, with no TensorFlow in it: the file may take it down.
    return UntrustedFile(
        Path(place), converted.content, converted.description, model.key, TIMEOUT_SECONDS
    )


def _not_run(place: str, converted: ConvertedFile, error: InterpreterError) -> OutputCheck:
    if any(operator.custom for operator in converted.description.operators):
        # As requested: only an application has these operators.
        return OutputCheck(f"not run here ({error.found})")
    message = f"LiteRT cannot run it: {_operator_at_fault(converted, error) or error.found}"
    return OutputCheck("LiteRT cannot run it", [ConversionError(place, message, DISCARDED)])


def overflowing_constant(content: bytes) -> str:
    """Name a float16 constant that overflowed, and the operator that reads it; or nothing.

    TensorFlow's converter cuts values off at the largest finite one.
    """
    largest = np.finfo(np.float16).max
    large = {
        name
        for name, values in constants(content).items()
        if values.dtype == np.float16 and (np.abs(values) >= largest).any()
    }
    tensors, order = edges(content), nodes(content)
    names = {tensor: edge.name for tensor, edge in enumerate(tensors) if edge.name in large}
    for node in order:
        if node.operator == "DEQUANTIZE" and node.inputs[0] in names:
            names[node.outputs[0]] = names[node.inputs[0]]
    for node in order:
        for tensor in node.inputs:
            if node.operator != "DEQUANTIZE" and tensor in names:
                name = names[tensor]
                return f" ({node.operator} reads {name!r}, which float16 cuts off at 65504)"
    return ""


def _operator_at_fault(converted: ConvertedFile, error: InterpreterError) -> str:
    """Name the operator that LiteRT failed at by its type and tensors; empty where it says none."""
    match = re.search(r"Node number (\d+) \((\w+)\) failed", error.found)
    order = nodes(converted.content)
    if not match or int(match[1]) >= len(order):
        return ""
    node = order[int(match[1])]
    if node.operator != match[2]:  # of another subgraph
        return ""
    tensors = edges(converted.content)
    output = tensors[node.outputs[0]]
    types = ", ".join(tensors[number].dtype for number in node.inputs if number >= 0)
    why = error.found.partition("(")[2].partition("Node number")[0].rstrip(". ")
    return f"{node.operator} {output.name!r} of {types} -> {output.dtype}" + (
        f": {why}" * bool(why)
    )


def _lowest_snr(measures: Mapping[str, Mapping[str, Any]]) -> str:
    broken = [name for name, measured in measures.items() if measured["non_finite"]]
    if broken:
        return f"NaN or infinity in {', '.join(broken)}"
    snr = {
        n: measured["snr_db"] for n, measured in measures.items() if measured["snr_db"] is not None
    }
    if not snr:
        return "the same outputs as the source model"
    name = min(snr, key=lambda name: snr[name])
    return f"{snr[name]:.1f} dB SNR against the source model ({name})"
