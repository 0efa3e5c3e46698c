"""Class labels: integers 0, 1, ... and the names that stand behind them."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litemill.core.errors import DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from litemill.data.dataset import ArrayLike, Dataset


@dataclass(frozen=True)
class Labels:
    """Labels of one or more targets over the same classes."""

    codes: dict[str, np.ndarray]  # int64 [samples] each
    classes: list[str]


@dataclass(frozen=True)
class Encoded:
    """Labels that were read as text."""

    values: np.ndarray  # int64 class of each sample, or float64 numbers when all texts are numbers
    classes: list[str] | None  # None when the texts are numbers


def read_classes(classes: Sequence[str] | str | None) -> list[str] | None:
    """Return the names of classes 0, 1, ...; a text is the path of a file with one name a line.

    Raises:
        DataError: there is no such file, or it is not UTF-8 text with a name in every line.
    """
    if not isinstance(classes, str):
        return None if classes is None else [str(name) for name in classes]
    try:
        names = Path(classes).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        expected = "expected a list of names, or a file with one name a line"
        raise DataError(classes, str(error.strerror or error), expected) from None
    except UnicodeDecodeError:
        raise DataError(classes, "no UTF-8 text", "expected one name a line") from None
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{classes}: line {number}", "empty", "expected one name a line")
        if name in names[: number - 1]:
            raise DataError(f"{classes}: line {number}", f"{name!r} twice", "expected one each")
    if not names:
        raise DataError(classes, "empty", "expected one name a line")
    return names


def encode_labels(texts: Iterable[str], classes: Sequence[str] | None, place: str) -> Encoded:
    """Turn label texts into classes; the texts are numbers when every one of them is.

    Without `classes`, names are sorted by code point, so that neither locale nor order matters.

    Raises:
        DataError: a label is not among `classes`.
    """
    seen: dict[str, int] = {}
    codes = np.frombuffer(array("q", (seen.setdefault(t, len(seen)) for t in texts)), np.int64)
    numbers = [_number(text) for text in seen]
    given = None if classes is None else [str(name) for name in classes]
    if None not in numbers and not (given and set(seen) <= set(given)):
        return Encoded(np.array(numbers, np.float64)[codes], None)
    names = sorted(seen) if given is None else given
    index = {name: i for i, name in enumerate(names)}
    for text in seen:
        if text not in index:
            raise DataError(place, f"label {text!r} is not among the classes", nearest(text, names))
    return Encoded(np.array([index[text] for text in seen], np.int64)[codes], names)


def check_labels(targets: Mapping[str, ArrayLike], dataset: Dataset) -> Labels:
    """Check integer labels against the classes; count the classes where none are given.

    Raises:
        DataError: a label is no integer or out of range, or a class of those in between is missing.
    """
    codes = {key: _codes(dataset, key, rows) for key, rows in targets.items()}
    if dataset.classes is not None:
        classes = [str(name) for name in dataset.classes]
        twice = sorted(name for name, count in Counter(classes).items() if count > 1)
        if twice:
            raise DataError(f"{dataset.place}: classes", f"{twice[0]!r} twice", "expected one each")
        for name in classes:
            if not name.isprintable() or not name:
                raise DataError(
                    f"{dataset.place}: classes", repr(name), "expected one line of text"
                )
    else:
        present = np.unique(np.concatenate([np.unique(found) for found in codes.values()]))
        classes = _inferred(dataset, present)
    for key, found in codes.items():
        _check_range(dataset, key, found, len(classes))
    return Labels(codes, classes)


def _codes(dataset: Dataset, key: str, rows: ArrayLike) -> np.ndarray:
    place = f"{dataset.place}: {key}"
    if any(size != 1 for size in rows.shape[1:]):
        raise DataError(place, f"shape {rows.shape}", "expected one integer class for every sample")
    if rows.dtype.kind not in "fiub":
        raise DataError(place, f"labels of type {rows.dtype}", "expected integers")
    values = np.asarray(rows[:]).reshape(-1)
    whole = np.isfinite(values) & (values == np.floor(values)) if rows.dtype.kind == "f" else None
    if whole is not None and not whole.all():
        _refuse(dataset, key, values, int(np.argmin(whole)), "expected an integer class")
    return values.astype(np.int64)


def _inferred(dataset: Dataset, present: np.ndarray) -> list[str]:
    count = int(present[-1]) + 1
    if present[0] >= 0 and len(present) < count:
        absent = int(np.argmax(np.append(present, -1) != np.arange(len(present) + 1)))
        found = f"labels go up to {count - 1}, but no sample has class {absent}"
        raise DataError(dataset.place, found, "labels count from 0; name all in `classes`")
    return [str(i) for i in range(count)]


def _check_range(dataset: Dataset, key: str, codes: np.ndarray, classes: int) -> None:
    wrong = (codes < 0) | (codes >= classes)
    if wrong.any():
        expected = f"expected 0 to {classes - 1}" if codes.min() >= 0 else "expected 0 or more"
        _refuse(dataset, key, codes, int(np.argmax(wrong)), expected)


def _refuse(dataset: Dataset, key: str, values: np.ndarray, sample: int, expected: str) -> None:
    detail = f" ({dataset.detail(sample)})" if dataset.detail else ""
    found = f"label {values[sample]} in sample {sample}{detail}"
    raise DataError(f"{dataset.place}: {key}", found, expected)


def _number(text: str) -> float | None:
    if not text.isascii() or "_" in text:  # Python reads digits of any script, and 1_000
        return None
    try:
        return float(text)
    except ValueError:
        return None
