"""Which input or output of a .tflite file is which of its source's?

Converters rename: a file made without a signature has `serving_default_image:0` or `Identity`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConversionError
from litemill.data.sample_matching import format_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.tflite.description import Tensor

MOST = 24  # orders that are tried


@dataclass(frozen=True)
class TensorMatching:
    """The file's name for each of the source's, and what tells so."""

    names: dict[str, str]
    how: dict[str, str]  # "name", "shape" or "position", by the source's name
    # What could as well change places: groups of the source's names, of one shape and no name.
    alike: tuple[tuple[str, ...], ...] = ()

    def others(self) -> Iterator[dict[str, str]]:
        """Give the other orders that names and shapes allow, the likeliest first."""
        orders = itertools.product(*(itertools.permutations(group) for group in self.alike))
        for order in itertools.islice(orders, 1, MOST):
            moved = {
                name: self.names[other]
                for group, taken in zip(self.alike, order, strict=True)
                for name, other in zip(group, taken, strict=True)
            }
            yield self.names | moved


def match_tensors(
    wanted: Mapping[str, Any], found: Mapping[str, Tensor], side: str, place: object
) -> TensorMatching:
    """Match the source's inputs or outputs with those of a file: by name, shape, then position.

    Args:
        wanted: {"dtype", "shape"} by the source's name; null is any size.
        found: the file's tensors by name, in its order.
        side: "input" or "output", for messages.
        place: what errors call the file.

    Raises:
        ConversionError: one of the source's has no counterpart.
    """
    names: dict[str, str] = {}
    how: dict[str, str] = {}
    free = {_plain(name): name for name in found}
    for name in wanted:
        if name in free and _fits(wanted[name], found[free[name]]):
            names[name] = free.pop(name)
            how[name] = "name"
    alike = []
    left = [name for name in wanted if name not in names]
    while left:
        name = left[0]
        fitting = [one for one in free.values() if _fits(wanted[name], found[one])]
        group = [one for one in left if all(_fits(wanted[one], found[f]) for f in fitting)]
        if not fitting or len(fitting) < len(group):
            raise ConversionError(place, *_missing(name, wanted, found, side))
        certain = len(group) == len(fitting) == 1
        for one, other in zip(group, fitting, strict=False):
            names[one], how[one] = other, "shape" if certain else "position"
            left.remove(one)
            del free[_plain(other)]
        if len(group) > 1:
            alike.append(tuple(group))
    return TensorMatching({name: names[name] for name in wanted}, how, tuple(alike))


def _plain(name: str) -> str:
    """Give a tensor's name without what converters put around it."""
    return name.removeprefix("serving_default_").partition(":")[0]


def _fits(spec: Any, tensor: Tensor) -> bool:
    """Compare shapes but for the batch; the types are the business of the read-back."""
    if spec["shape"] is None:
        return True
    ours, theirs = spec["shape"][1:], tensor.shape[1:]
    if len(spec["shape"]) != len(tensor.shape):
        return False
    pairs = zip(ours, theirs, strict=True)
    return all(a is None or b in (-1, a) for a, b in pairs)


def _missing(
    name: str, wanted: Mapping[str, Any], found: Mapping[str, Tensor], side: str
) -> tuple[str, str]:
    there = ", ".join(
        f"{one} {format_shape([None if size < 0 else size for size in tensor.shape])}"
        for one, tensor in found.items()
    )
    shape = wanted[name]["shape"]
    asked = f"{name!r} {format_shape(shape)}" if shape is not None else repr(name)
    return f"no {side} for the source's {asked}", f"the file has {there or 'none'}"
