"""Slices of a data set: texts or integers that divide the samples, for results of each part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from litemill.core.errors import DataError
from litemill.data.dataset import Column

if TYPE_CHECKING:
    from litemill.data.dataset import Dataset

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
MOST = 1000  # parts; more is no division but a number of its own for each sample


def slice_groups(dataset: Dataset, count: int) -> dict[str, tuple[Column, list[str]]]:
    """Return for each of a data set's slices the part of every sample, and the parts' names.

    Parts are sorted: integers by value, texts by code point.

    Raises:
        DataError: other than one text or integer for each of `count` samples, or too many parts.
    """
    found = {}
    for name, rows in (dataset.slices or {}).items():
        place = f"{dataset.place}: slices.{name}"
        if not NAME.fullmatch(name):
            raise DataError(place, f"the name {name!r}", "expected letters, digits, _ . -")
        values = np.asarray(rows[:])
        if values.shape != (count,) or values.dtype.kind not in "USiub":
            problem = f"shape {values.shape}, type {values.dtype}"
            raise DataError(place, problem, f"expected {count} texts or integers")
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8")
        parts, codes = np.unique(values, return_inverse=True)
        if len(parts) > MOST:
            raise DataError(place, f"{len(parts)} different values", f"expected at most {MOST}")
        column = Column(codes.astype(np.int64), np.dtype(np.int64), ())
        found[name] = column, [str(part) for part in parts]
    return found
