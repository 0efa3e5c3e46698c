"""What a .tflite file of others answers: asked in a process of its own, which it may take down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stages.apart import apart
from stages.errors import LitemillError
from stages.litert import Model
from stages.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 64  # samples at a time


def answers(
    content: bytes,
    inputs: Mapping[str, Array],
    *,
    signature: str | None,
    seconds: float,
    place: object,
) -> dict[str, Array]:
    """Give real-valued answers by the file's output names; inputs are by its input names.

    Raises:
        InterpreterError: it does not load or run, took its process down, or took too long.
    """
    given = content, dict(inputs), signature, str(place)
    return apart(_answers, *given, seconds=seconds, place=place)


def _answers(
    content: bytes, inputs: dict[str, Array], signature: str | None, place: str
) -> dict[str, Array]:
    failure: LitemillError | None = None
    with quiet():  # whoever aborts writes about it first
        try:
            model = Model(content, signature=signature, place=place)
            count = len(next(iter(inputs.values())))
            parts = [
                model.run({name: array[start : start + BATCH] for name, array in inputs.items()})
                for start in range(0, count, BATCH)
            ]
        except LitemillError as error:
            failure = error
    if failure is not None:
        raise failure
    return {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}
