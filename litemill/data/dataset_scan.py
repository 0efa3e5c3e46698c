"""Reads a whole data set once, in blocks: refuses what cannot be used, tells samples apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.config.schema.prepare import Task
from litemill.core.errors import DataError, ErrorGroup
from litemill.data.dataset import ArrayLike, Column, Dataset
from litemill.data.labels import check_labels
from litemill.data.samples import BLOCK
from litemill.data.slices import NAME, slice_groups

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class ScannedDataset:
    """A data set that can be used."""

    inputs: dict[str, Column]
    targets: dict[str, Column]
    classes: list[str] | None  # classification only
    labels: np.ndarray | None  # int64 [samples], of the first target; classification only
    digests: np.ndarray  # uint64 [samples, 2]: of the bytes of all inputs of each sample
    slices: dict[str, tuple[Column, list[str]]]  # int64 numbers of slices, and their names

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.digests)


def scan_dataset(dataset: Dataset, task: Task) -> ScannedDataset:
    """Check shapes, types and every value, and digest every sample.

    Raises:
        DataError: names the array, the sample and what is wrong with it.
    """
    inputs, targets = _named(dataset, task)
    _check_counts(dataset, inputs | targets)
    columns = {key: _column(rows, f"{dataset.place}: {key}") for key, rows in inputs.items()}
    classes, labels, answers = None, None, {}
    if task is Task.classification:
        found = check_labels(targets, dataset)
        classes, labels = found.classes, next(iter(found.codes.values()))
        answers = {key: Column(codes, codes.dtype, ()) for key, codes in found.codes.items()}
    elif task is Task.regression:
        answers = {key: _answer(rows, f"{dataset.place}: {key}") for key, rows in targets.items()}
        for key, column in answers.items():
            _refuse_non_finite(dataset, key, column)
    digests = _digests(dataset, columns)
    slices = slice_groups(dataset, len(digests))
    return ScannedDataset(_plain(columns), _plain(answers), classes, labels, digests, slices)


def _named(dataset: Dataset, task: Task) -> tuple[dict[str, ArrayLike], dict[str, ArrayLike]]:
    targets: Any = {}
    if dataset.targets is not None:
        named = isinstance(dataset.targets, Mapping)
        targets = dataset.targets if named else {"target": dataset.targets}
    if not dataset.inputs:
        raise DataError(dataset.place, "no inputs", "expected at least one, by name")
    if task is Task.none and targets:
        raise DataError(dataset.place, "targets, but the task is none", "expected no targets")
    if task is not Task.none and not targets:
        raise DataError(
            dataset.place, f"no targets for {task.name}", "name a target, or task: none"
        )
    for name in (*dataset.inputs, *targets):
        if not NAME.fullmatch(str(name)):
            raise DataError(dataset.place, f"the name {name!r}", "expected letters, digits, _ . -")
    return (
        {f"inputs.{name}": rows for name, rows in dataset.inputs.items()},
        {f"targets.{name}": rows for name, rows in targets.items()},
    )


def _plain(columns: dict[str, Column]) -> dict[str, Column]:
    return {key.partition(".")[2]: column for key, column in columns.items()}


def _check_counts(dataset: Dataset, arrays: dict[str, ArrayLike]) -> None:
    for key, rows in arrays.items():
        if not hasattr(rows, "shape") or not hasattr(rows, "dtype") or not rows.shape:
            expected = "expected an array with the samples as its first axis"
            raise DataError(f"{dataset.place}: {key}", f"a {type(rows).__name__}", expected)
    counts = {key: rows.shape[0] for key, rows in arrays.items()}
    if len(set(counts.values())) > 1:
        counted = ", ".join(f"{key} has {count} samples" for key, count in counts.items())
        raise DataError(dataset.place, f"ragged: {counted}", "expected as many samples in each")
    for key, rows in arrays.items():
        if 0 in rows.shape:
            raise DataError(f"{dataset.place}: {key}", f"empty, of shape {rows.shape}", "no values")


def _column(rows: ArrayLike, place: str) -> Column:
    if rows.dtype.kind not in "fiub":
        raise DataError(place, f"values of type {rows.dtype}", "expected numbers")
    dtype = np.dtype(np.float32) if rows.dtype.kind == "f" else rows.dtype.newbyteorder("=")
    return Column(rows, dtype, tuple(rows.shape[1:]))


def _answer(rows: ArrayLike, place: str) -> Column:
    # One number a sample becomes a row of one, which is what a Dense(1) answers.
    return Column(rows, np.dtype(np.float32), _column(rows, place).shape or (1,))


def _blocks(count: int, row_bytes: int) -> Iterator[slice]:
    rows = max(1, BLOCK // max(1, row_bytes))
    yield from (slice(start, min(start + rows, count)) for start in range(0, count, rows))


def _refuse_non_finite(dataset: Dataset, key: str, column: Column) -> None:
    for rows in _blocks(column.rows.shape[0], column.row_bytes):
        _check_finite(dataset, key, rows.start, column.read(rows))


def _check_finite(dataset: Dataset, key: str, start: int, block: np.ndarray) -> None:
    if block.dtype.kind != "f" or np.isfinite(block).all():
        return
    row, *position = np.argwhere(~np.isfinite(block))[0].tolist()
    value = "NaN" if np.isnan(block[row, *position]) else "infinite in float32"
    at = f", position {position}" if position else ""
    place = f"{dataset.place}: {key}"
    raise DataError(
        place, f"{value} in {describe_sample(dataset, start + row)}{at}", "expected real numbers"
    )


def describe_sample(dataset: Dataset, sample: int) -> str:
    """Name a sample, counted from 0 in the order of the file."""
    return f"sample {sample}" + (f" ({dataset.detail(sample)})" if dataset.detail else "")


def _digests(dataset: Dataset, columns: dict[str, Column]) -> np.ndarray:
    # Inputs are hashed as they will be written: two doubles that round to one float are the same.
    count = next(iter(columns.values())).rows.shape[0]
    digests = np.empty((count, 2), np.uint64)
    for rows in _blocks(count, sum(column.row_bytes for column in columns.values())):
        blocks = [columns[key].read(rows) for key in sorted(columns)]
        errors = []
        for key, block in zip(sorted(columns), blocks, strict=True):
            try:
                _check_finite(dataset, key, rows.start, block)
            except DataError as error:
                errors.append(error)
        if errors:
            raise errors[0] if len(errors) == 1 else ErrorGroup(errors)
        flat = [block.reshape(len(block), -1).view(np.uint8) for block in blocks]
        combined = b"".join(_digest(parts) for parts in zip(*flat, strict=True))
        digests[rows] = np.frombuffer(combined, np.uint64).reshape(-1, 2)
    return digests


def _digest(parts: tuple[np.ndarray, ...]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.data)
    return digest.digest()
