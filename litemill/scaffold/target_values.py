"""Are the targets of a file names, whole numbers or measurements?"""

from __future__ import annotations

import csv
import itertools
from typing import TYPE_CHECKING

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


def _cells(data: DataFacts) -> list[str]:
    with data.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        rows = itertools.islice(csv.DictReader(file), ROWS)
        return [row[data.target] or "" for row in rows if data.target]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
