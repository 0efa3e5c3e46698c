"""Is a .tflite file a faithful conversion of a model? Its content, its weights, its answers.

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
from litemill.conversion.verification import arithmetic_of
from litemill.core.errors import (
    ConversionError,
    DataError,
    InterpreterError,
    LitemillError,
    error_line,
)
from litemill.evaluation.tolerance import tolerance_of
from litemill.models.layer_names import layer_names
from litemill.runtime.subprocess_isolation import OutOfTimeError, run_isolated
from litemill.tflite import untrusted_file
from litemill.tflite.flatbuffer import describe
from litemill.tflite.operands import operands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from litemill.audit.source_candidate import SourceAnswers, SourceRequest
    from litemill.audit.tensor_matching import TensorMatching
    from litemill.audit.weights import Comparison
    from litemill.config.schema.variant import Optimization

LOADING = 3600.0  # seconds that the source may take: TensorFlow's start, a large model


def audit(
    wanted: SourceRequest,
    file: Path,
    *,
    claimed: Optimization | None = None,
    seconds: float = 60,
) -> AuditResult:
    """Compare a file with the model that it is said to be made from.

    Args:
        wanted: the source and the samples.
        file: the .tflite file.
        claimed: what the file is said to be; None takes it for what it is.
        seconds: how long a run of the file may take.

    A file that is damaged, does not run or ends its process is not faithful. One that there is not,
    that cannot be read, that needs operators which LiteRT alone lacks, or that takes too long,
    leaves the question open, and so do a source that cannot be loaded and samples that do not fit.
    """
    return against(
        lambda: _source(wanted), str(wanted.model.file), file, claimed=claimed, seconds=seconds
    )


def against(
    ask: Callable[[], SourceAnswers],
    source: str,
    file: Path,
    *,
    claimed: Optimization | None = None,
    seconds: float = 60,
) -> AuditResult:
    """Compare a file with a source that `ask` loads, once the file is known to be one; `audit`."""
    found = AuditResult(source, str(file), claimed.name if claimed else None)
    try:
        _examine(found, ask, file, claimed, seconds)
    except (ConversionError, InterpreterError) as error:
        found.faults.append(str(error))
    except (LitemillError, OSError) as error:
        found.doubts.append(error_line(error))
    return found


def _examine(
    found: AuditResult,
    ask: Callable[[], SourceAnswers],
    file: Path,
    claimed: Optimization | None,
    seconds: float,
) -> None:
    content = untrusted_file.read_untrusted(file)
    described = describe(content, file)
    found.kind = arithmetic_of(described)
    found.faults += type_check.type_mismatches(described, claimed)
    source = ask()
    found.samples = len(next(iter(source.inputs.values())))
    if source.content is None:
        found.notes.append(f"its weights were not compared: {source.failure}")
    else:
        ours, names = operands(source.content), source.variables
        found.weights = compare_weights(ours, operands(content, file), layer_names(ours, names))
        _judge_weights(found, found.weights)
    key = untrusted_file.signature_key(described, source.signature["key"])
    try:
        _judge_answers(
            found, source, untrusted_file.UntrustedFile(file, content, described, key, seconds)
        )
    except OutOfTimeError as error:
        found.doubts.append(str(error))
    except InterpreterError as error:
        lacking = [one.name for one in described.operators if one.custom]
        (found.doubts if lacking else found.faults).append(str(error))


def _source(wanted: SourceRequest) -> SourceAnswers:
    with tempfile.TemporaryDirectory() as folder:
        place = wanted.model.file
        try:
            return run_isolated(load_source, wanted, folder, seconds=LOADING, place=place)
        except (ConversionError, InterpreterError) as error:
            # Whatever the source died of is no fault of the file.
            raise DataError(error, "the source could not be asked") from None


def _judge_weights(found: AuditResult, compared: Comparison) -> None:
    if compared.unrelated():
        found.faults.append("its weights have nothing to do with the source's")
    else:
        for part in ("weights", "biases"):
            layers = dict.fromkeys(one.layer for one in compared.apart() if one.part == part)
            if layers:
                found.faults.append(f"the {part} of {', '.join(layers)} are not the source's")
    if compared.only_source:
        names = ", ".join(compared.only_source)
        found.notes.append(f"weights without a counterpart in the file: {names}")
    if compared.only_file:
        names = ", ".join(compared.only_file)
        found.notes.append(f"weights without a counterpart in the source: {names}")


def _judge_answers(
    found: AuditResult, source: SourceAnswers, file: untrusted_file.UntrustedFile
) -> None:
    assert found.kind is not None
    found.least = tolerance_of(file.described, found.kind)
    alike = compare_outputs(source, file, found.least)
    found.inputs, found.outputs = alike.inputs, alike.outputs
    found.measures = alike.measures
    for side, matched in (("input", alike.inputs), ("output", alike.outputs)):
        found.notes += _by_position(side, matched)
    if alike.other_order:
        found.doubts.append(alike.other_order)
    elif alike.short:
        found.faults += [*alike.short, *alike.swapped]
        if found.weights is not None and not alike.swapped:
            found.notes += _why(found.kind, found.weights)


def _by_position(side: str, matched: TensorMatching) -> list[str]:
    return [
        f"{side} {name!r} was taken to be {matched.names[name]!r} by position"
        for name, how in matched.how.items()
        if how == "position"
    ]


def _why(kind: str, compared: Comparison) -> list[str]:
    """Say where to look when the answers part and the weights do not."""
    if not compared.compared or compared.apart() or compared.only_source or compared.only_file:
        return []
    integer = kind in {"int8", "int16x8", "mixed"}
    if integer and any(one.state is State.quantized for one in compared.compared):
        return ["its weights are the source's: look at the ranges that it was calibrated to"]
    return ["its weights are the source's, what is done with them is not"]
