"""What a variant answers in its target's own interpreter, and the memory that it takes there.

The interpreter is a set of kernels beside LiteRT's: it is run apart, and a crash or an end of its
time is an error of that set, by which the variant fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from litemill.core.errors import InterpreterError
from litemill.evaluation.kernel_matrix import MEASURES, NOT_RUN, measure_kernels
from litemill.evaluation.kernel_runner import PORTABLE
from litemill.evaluation.measurement_case import DEFAULT
from litemill.evaluation.sample_budget import budgeted_samples
from litemill.targets.kinds import KINDS
from litemill.tflite.multiply_adds import multiply_adds

if TYPE_CHECKING:
    from litemill.config.schema.target import Cpu
    from litemill.evaluation.measurement_case import MeasurementCase
    from litemill.targets.kind import Isolated, TargetKind

# Operators that read the batch size of a file that takes any.
BATCH_OPERATORS = {"SHAPE", "STRIDED_SLICE", "PACK"}


@dataclass(frozen=True)
class MeasuredTarget:
    """A target that variants are measured on.

    Attributes:
        name: its file in conf/target/.
        options: those of the schema of its kind that measurements depend on.
    """

    name: str
    options: Cpu

    @property
    def kind(self) -> TargetKind:
        """The kind that it is of."""
        return KINDS[self.options.kind]

    @property
    def seconds(self) -> float:
        """How long its interpreter may take."""
        return float(getattr(self.options, "timeout_seconds", math.inf))


def measure_target(
    case: MeasurementCase, target: MeasuredTarget, isolated: Isolated
) -> dict[str, Any]:
    """Measure a file in its target's own interpreter.

    Args:
        case: the file, and what it is measured against.
        target: where it runs.
        isolated: calls a function in a process of its own, within the time of the target.

    Returns:
        "target": its name, kind and kernels, the operators to link, the arena in bytes, and what
        would make it smaller; "kernels": what its interpreter answered.
    """
    kind = target.kind
    assert kind.kernels is not None, "LiteRT measures every variant"
    record: dict[str, Any] = {
        "name": target.name,
        "kind": kind.name,
        "kernels": kind.kernels,
        "operators": sorted({operator.name for operator in case.description.operators}),
        "arena": None,
        "advice": _advice(case),
    }
    try:
        kind.unsupported(case.content, case.description, case.variant)
        record["arena"] = kind.measure_memory(case.content, case.variant, isolated)
        run = _answers(case, target, record["arena"], isolated)
    except InterpreterError as error:
        run = {"error": str(error), **NOT_RUN}
    return {"target": record, "kernels": {kind.kernels: run}}


def _answers(
    case: MeasurementCase, target: MeasuredTarget, memory: dict[str, int], isolated: Isolated
) -> dict[str, Any]:
    """Measure the answers to the first samples, beside LiteRT's to the same ones."""
    kind, kernels = target.kind, str(target.kind.kernels)
    count = budgeted_samples(
        len(case.samples),
        most=getattr(target.options, "samples", None),
        budget=getattr(target.options, "budget", None),
        multiply_adds=multiply_adds(case.content),
    )
    limited = replace(
        case,
        samples=next(case.samples.batches(count)),
        reference={name: values[:count] for name, values in case.reference.items()},
        kernels=(DEFAULT, PORTABLE, kernels),
        loaders={kernels: partial(kind.load, memory=memory)},
    )
    runs = isolated(measure_kernels, limited)["kernels"]
    run: dict[str, Any] = runs[kernels]
    if count < len(case.samples) and not run["error"]:
        run["default"] = {key: runs[DEFAULT][key] for key in ("samples", *MEASURES)}
    return run


def _advice(case: MeasurementCase) -> list[str]:
    """Say what would take less memory."""
    names = {operator.name for operator in case.description.operators}
    free = any(-1 in tensor.shape[:1] for tensor in case.description.inputs)
    if free and (extra := sorted(BATCH_OPERATORS & names)):
        return [f"`batch: 1` saves the operators {', '.join(extra)} and their memory"]
    return []
