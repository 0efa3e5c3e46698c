"""Is a .tflite file a faithful conversion of a model? Its content, its weights, its outputs.

The source is loaded in one process, every run of the file takes place in another: what others made
may take its process down.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from litemill.audit import type_check
from litemill.audit.audit_result import AuditResult
from litemill.audit.output_comparison import compare_outputs
from litemill.audit.source_candidate import load_source
from litemill.audit.weights import State, compare_weights
from litemill.conversion.arithmetic import arithmetic_of
from litemill.core.errors import (
    ConversionError,
    DataError,
    InterpreterError,
    LitemillError,
)
from litemill.evaluation.tolerance import tolerance_of
from litemill.models.layer_names import layer_names
from litemill.runtime.subprocess_isolation import OutOfTimeError, run_isolated
from litemill.tflite import untrusted_file
from litemill.tflite.flatbuffer import describe
from litemill.tflite.operands import operands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from litemill.audit.source_candidate import SourceAnswers, SourceRequest
    from litemill.audit.tensor_matching import TensorMatching
    from litemill.audit.weights import WeightComparison
    from litemill.config.schema.variant import Optimization

LOADING_SECONDS = 3600.0  # that the source may take: TensorFlow's start, a large model


def audit(
    request: SourceRequest,
    file: Path,
    *,
    claimed: Optimization | None = None,
    seconds: float = 60,
) -> AuditResult:
    """Compare a file with the model that it is said to be made from.

    Args:
        request: the source and the samples.
        file: the .tflite file.
        claimed: what the file is claimed to be; None claims nothing.
        seconds: how long a run of the file may take.

    A file that is damaged, does not run or ends its process is not faithful. One that is missing,
    that cannot be read, that needs operators which LiteRT alone lacks, or that takes too long,
    leaves the question open, and so do a source that cannot be loaded and samples that do not fit.
    """
    source = str(request.model.file)
    return against(lambda: _load_source(request), source, file, claimed=claimed, seconds=seconds)


def against(
    load: Callable[[], SourceAnswers],
    source: str,
    file: Path,
    *,
    claimed: Optimization | None = None,
    seconds: float = 60,
) -> AuditResult:
    """Compare a file with a source that `load` loads once the file is known to be one; `audit`."""
    result = AuditResult(source, str(file), claimed.name if claimed else None)
    try:
        _examine(result, load, file, claimed, seconds)
    except (ConversionError, InterpreterError) as error:
        result.faults.append(error)
    except LitemillError as error:
        result.doubts.append(error)
    except OSError as error:
        place = error.filename or "operating system"
        result.doubts.append(DataError(place, error.strerror or str(error)))
    return result


def _examine(
    result: AuditResult,
    load: Callable[[], SourceAnswers],
    file: Path,
    claimed: Optimization | None,
    seconds: float,
) -> None:
    content = untrusted_file.read_untrusted(file)
    described = describe(content, file)
    result.kind = arithmetic_of(described)
    _add_faults(result, type_check.type_mismatches(described, claimed))
    source = load()
    result.samples = len(next(iter(source.inputs.values())))
    if source.content is None:
        result.notes.append(f"weights not compared: {source.failure}")
    else:
        ours, names = operands(source.content), source.variables
        result.weights = compare_weights(ours, operands(content, file), layer_names(ours, names))
        _judge_weights(result, result.weights)
    key = untrusted_file.signature_key(described, source.signature["key"])
    untrusted = untrusted_file.UntrustedFile(file, content, described, key, seconds)
    try:
        _judge_outputs(result, source, untrusted)
    except OutOfTimeError as error:
        result.doubts.append(error)
    except InterpreterError as error:
        lacks_kernels = any(operator.custom for operator in described.operators)
        (result.doubts if lacks_kernels else result.faults).append(error)


def _load_source(request: SourceRequest) -> SourceAnswers:
    with tempfile.TemporaryDirectory() as folder:
        place = request.model.file
        try:
            return run_isolated(load_source, request, folder, seconds=LOADING_SECONDS, place=place)
        except (ConversionError, InterpreterError) as error:
            # Whatever the source died of is no fault of the file.
            raise DataError(error.place, error.found, "the source could not be run") from None


def _add_faults(result: AuditResult, lines: Iterable[str]) -> None:
    result.faults += [ConversionError(result.file, line) for line in lines]


def _judge_weights(result: AuditResult, comparison: WeightComparison) -> None:
    if comparison.is_unrelated():
        _add_faults(result, ["weights are unrelated to the source's"])
    else:
        for part in ("weights", "biases"):
            differing = comparison.differing()
            layers = dict.fromkeys(tensor.layer for tensor in differing if tensor.part == part)
            if layers:
                _add_faults(result, [f"{part} of {', '.join(layers)} differ from the source's"])
    for side, names in (("file", comparison.only_source), ("source", comparison.only_file)):
        if names:
            result.notes.append(f"weights without a counterpart in the {side}: {', '.join(names)}")


def _judge_outputs(
    result: AuditResult, source: SourceAnswers, file: untrusted_file.UntrustedFile
) -> None:
    assert result.kind is not None
    result.limits = tolerance_of(file.described, result.kind)
    comparison = compare_outputs(source, file, result.limits)
    result.inputs, result.outputs = comparison.inputs, comparison.outputs
    result.measures = comparison.measures
    if extra := sorted(set(file.outputs) - set(comparison.outputs.names.values())):
        result.notes.append(f"outputs that the source lacks, not compared: {', '.join(extra)}")
    for side, matched in (("input", comparison.inputs), ("output", comparison.outputs)):
        result.notes += _matched_by_position(side, matched)
    empty = [name for name, values in source.outputs.items() if not values.size]
    if empty:
        message = f"no values to compare in output {', '.join(map(repr, empty))}"
        result.doubts.append(DataError(result.source, message, "expected other samples"))
    if not comparison.measures:
        result.doubts.append(DataError(result.source, "no outputs to compare"))
    elif comparison.other_order:
        result.doubts.append(DataError(result.file, comparison.other_order))
    elif comparison.shortfalls:
        _add_faults(result, [*comparison.shortfalls, *comparison.swapped])
        if result.weights is not None and not comparison.swapped:
            result.notes += _likely_cause(result.kind, result.weights)


def _matched_by_position(side: str, matched: TensorMatching) -> list[str]:
    return [
        f"{side} {name!r} was matched with {matched.names[name]!r} by position"
        for name, how in matched.how.items()
        if how == "position"
    ]


def _likely_cause(kind: str, weights: WeightComparison) -> list[str]:
    """Say where to look when outputs differ and weights do not."""
    if not weights.compared or weights.differing() or weights.only_source or weights.only_file:
        return []
    integer = kind in {"int8", "int16x8", "mixed"}
    if integer and any(tensor.state is State.quantized for tensor in weights.compared):
        return ["the weights are the source's: check the ranges that it was calibrated to"]
    return ["the weights are the source's, the operations on them are not"]
