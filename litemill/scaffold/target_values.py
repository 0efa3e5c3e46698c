"""Are the targets of a file names, whole numbers or measurements?"""

from __future__ import annotations

import csv
import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from litemill.scaffold.data_facts import DataFacts

ROWS = 1000  # of a table that are looked at
TEXT, INTEGERS, NUMBERS, CLASSES = "text", "integers", "numbers", "classes"


def kind_of_targets(data: DataFacts, width: int | None) -> str:
    """Return `text`, `integers`, `numbers`, `classes` (0 and 1 for one output), or nothing.

    Args:
        data: the data set.
        width: values of the model's output.
    """
    if data.target is None:
        return ""
    return _of_array(data, width) if data.kind == "npz" else _of_column(data, width)


def count_classes(data: DataFacts) -> int | None:
    """Return how many classes the targets of a file have; None where they are numbers."""
    kind = kind_of_targets(data, None)
    if kind not in (TEXT, INTEGERS) or data.target is None:
        return None
    if data.kind == "npz":
        with np.load(data.path, allow_pickle=False) as archive:
            values = np.asarray(archive[data.target]).reshape(-1)
    else:
        values = np.array(_cells(data, None), np.str_ if kind == TEXT else np.float64)
    return len(np.unique(values)) if kind == TEXT else int(values.max()) + 1


def _of_array(data: DataFacts, width: int | None) -> str:
    assert data.target is not None
    shape, kind = data.arrays[data.target]
    if kind in "US":
        return TEXT
    single = all(size == 1 for size in shape[1:])
    whole = kind in "iub" and single
    if whole and width == 1:
        return CLASSES if kind in "bu" else NUMBERS
    return INTEGERS if whole or (single and (width or 1) > 1) else NUMBERS


def _of_column(data: DataFacts, width: int | None) -> str:
    values = _cells(data)
    if not all(_is_number(value) for value in values):
        return TEXT
    if not all(float(value).is_integer() for value in values):
        return NUMBERS
    return CLASSES if {float(value) for value in values} <= {0.0, 1.0} and width == 1 else INTEGERS


def _cells(data: DataFacts, rows: int | None = ROWS) -> list[str]:
    with data.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        found = itertools.islice(csv.DictReader(file), rows)
        return [row[data.target] or "" for row in found if data.target]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
