"""Do these samples fit that model? Names, shapes and types, before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litemill.data.samples import Samples


def match_inputs(
    samples: Samples, inputs: Mapping[str, Any], place: object, *, subset: bool = False
) -> Samples:
    """Return the samples under the names and in the types that a model takes.

    Inputs are matched by name; where model and data have one each, the names need not agree.
    Integers are given to a model of floats as they are, floats to a model of integers never.

    Args:
        samples: what the data set has.
        inputs: of each input the dtype and the shape, first the samples; null is any size.
        place: what errors call the model.
        subset: leave out what the model does not take; for one of several signatures.

    Raises:
        ModelError: names, shapes or types differ.
    """
    given = samples.inputs
    if subset:
        given = {name: array for name, array in given.items() if name in inputs}
    elif len(given) == len(inputs) == 1:
        given = dict(zip(inputs, given.values(), strict=True))
    if sorted(given) != sorted(inputs):
        problem = f"the data has the inputs {', '.join(sorted(given))}"
        raise ModelError(place, problem, f"the model takes {', '.join(sorted(inputs))}")
    for name, spec in inputs.items():
        _refuse(given[name], spec, f"{place}: input {name}")
    types = {name: inputs[name]["dtype"] for name in given}
    return replace(samples, inputs={name: given[name] for name in inputs}, types=types)


def shape_matches(wanted: Sequence[int | None], given: Sequence[int]) -> bool:
    """Return whether a shape is one of those that a model takes; None is any size."""
    return len(wanted) == len(given) and all(
        size is None or size == other for size, other in zip(wanted, given, strict=True)
    )


def format_shape(shape: Sequence[int | None]) -> str:
    """Write a shape for people: `[any, 8, 8, 1]`."""
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def _refuse(array: Any, spec: Any, place: str) -> None:
    if spec["shape"] is not None and not shape_matches(spec["shape"][1:], array.shape[1:]):
        found = f"the data has shape {format_shape(array.shape[1:])} a sample"
        raise ModelError(place, found, f"the model takes {format_shape(spec['shape'][1:])}")
    if not np.can_cast(array.dtype, np.dtype(spec["dtype"]), "same_kind"):
        found = f"the data is {array.dtype.name}"
        raise ModelError(place, found, f"the model takes {spec['dtype']}")
