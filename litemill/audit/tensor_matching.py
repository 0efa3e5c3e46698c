"""Match the inputs or outputs of a .tflite file with those of its source.

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

MOST_ORDERS = 24  # that are tried


@dataclass(frozen=True)
class TensorMatching:
    """The file's tensor for each of the source's.

    Attributes:
        names: the file's name by the source's.
        how: "name", "shape" or "position", by the source's name.
        alike: groups of the source's names that could change places: of one shape, without names.
    """

    names: dict[str, str]
    how: dict[str, str]
    alike: tuple[tuple[str, ...], ...] = ()

    def others(self) -> Iterator[dict[str, str]]:
        """Iterate over the other orders that names and shapes allow, the likeliest first."""
        orders = itertools.product(*(itertools.permutations(group) for group in self.alike))
        for order in itertools.islice(orders, 1, MOST_ORDERS):
            moved = {
                name: self.names[other]
                for group, permuted in zip(self.alike, order, strict=True)
                for name, other in zip(group, permuted, strict=True)
            }
            yield self.names | moved


def match_tensors(
    wanted: Mapping[str, Any], present: Mapping[str, Tensor], side: str, place: object
) -> TensorMatching:
    """Match the source's inputs or outputs with those of a file: by name, shape, then position.

    Args:
        wanted: {"dtype", "shape"} by the source's name; null is any size.
        present: the file's tensors by name, in its order.
        side: "input" or "output", for messages.
        place: what errors call the file.

    Raises:
        ConversionError: one of the source's has no counterpart.
    """
    names: dict[str, str] = {}
    how: dict[str, str] = {}
    free = {_plain(name): name for name in present}
    for name in wanted:
        if name in free and _fits(wanted[name], present[free[name]]):
            names[name] = free.pop(name)
            how[name] = "name"
    alike = []
    left = [name for name in wanted if name not in names]
    while left:
        name = left[0]
        fitting = [other for other in free.values() if _fits(wanted[name], present[other])]
        group = [other for other in left if all(_fits(wanted[other], present[f]) for f in fitting)]
        if not fitting or len(fitting) < len(group):
            raise ConversionError(place, *_missing(name, wanted, present, side))
        certain = len(group) == len(fitting) == 1
        for ours, theirs in zip(group, fitting, strict=False):
            names[ours], how[ours] = theirs, "shape" if certain else "position"
            left.remove(ours)
            del free[_plain(theirs)]
        if len(group) > 1:
            alike.append(tuple(group))
    return TensorMatching({name: names[name] for name in wanted}, how, tuple(alike))


def _plain(name: str) -> str:
    """Return a tensor's name without what converters put around it."""
    return name.removeprefix("serving_default_").partition(":")[0]


def _fits(spec: Any, tensor: Tensor) -> bool:
    """Compare shapes but for the batch; types are compared elsewhere."""
    if spec["shape"] is None:
        return True
    if len(spec["shape"]) != len(tensor.shape):
        return False
    pairs = zip(spec["shape"][1:], tensor.shape[1:], strict=True)
    return all(ours is None or theirs in (-1, ours) for ours, theirs in pairs)


def _missing(
    name: str, wanted: Mapping[str, Any], present: Mapping[str, Tensor], side: str
) -> tuple[str, str]:
    names = ", ".join(
        f"{other} {format_shape([None if size < 0 else size for size in tensor.shape])}"
        for other, tensor in present.items()
    )
    shape = wanted[name]["shape"]
    tensor = f"{name!r} {format_shape(shape)}" if shape is not None else repr(name)
    return f"no {side} for the source's {tensor}", f"the file has {names or 'none'}"
