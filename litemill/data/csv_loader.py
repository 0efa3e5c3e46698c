"""Rows of a CSV file, parsed in blocks."""

from __future__ import annotations

import itertools
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import DataError, nearest
from litemill.data.csv_lines import check_header, read_lines, read_number
from litemill.data.dataset import Dataset, FileRows
from litemill.data.labels import encode_labels, read_classes
from litemill.data.preprocessing import preprocess_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROWS = 4096  # parsed at a time


def load_csv(  # noqa: PLR0913 (one keyword a thing that YAML says)
    path: str,
    *,
    scratch: Path,
    task: str,
    target: str | list[str] | None = None,
    features: list[str] | dict[str, list[str]] | None = None,
    split_column: str | None = None,
    classes: Sequence[str] | str | None = None,
    delimiter: str = ",",
    preprocess: dict[str, Any] | None = None,
) -> Dataset:
    """Read a CSV file (RFC 4180, UTF-8) whose first line names the columns.

    Args:
        path: the file.
        scratch: folder for the parsed numbers.
        task: `classification`, `regression` or `none`; passed by prepare.
        target: the column of the labels (classification), or the columns of the numbers
            (regression), which become one target [n, columns].
        features: columns of the input `features`, float32 [n, columns]; None takes all that are
            not named otherwise. {input name: columns} makes several inputs.
        split_column: column of the predeclared split of every row.
        classes: names of the classes, or a file with one a line; None sorts those that are found.
            Labels that are all integers are the classes 0, 1, ... themselves.
        delimiter: what separates cells.
        preprocess: {input: {scale, mean, std}}, a number or one a column; see
            `litemill.data.preprocessing`.

    Raises:
        DataError: the file is missing, empty or ragged, or a cell is no number; names the line.
    """
    classes = read_classes(classes)
    lines = read_lines(path, delimiter)
    header = next(lines, (0, []))[1]
    check_header(path, header)
    answers = [target] if isinstance(target, str) else list(target or [])
    if task == "classification" and len(answers) != 1:
        raise DataError(path, f"{len(answers)} target columns", "classification has one")
    others = [*answers, *([split_column] if split_column else [])]
    taken = set(others)
    rest = features or [name for name in header if name not in taken]
    inputs = rest if isinstance(rest, dict) else {"features": rest}
    numbers = dict(inputs) | ({"": answers} if task == "regression" else {})
    texts = [
        *(answers if task == "classification" else []),
        *([split_column] if split_column else []),
    ]
    known = set(header)
    for name in itertools.chain(*numbers.values(), texts):
        if name not in known:
            raise DataError(path, f"no column {name!r}", nearest(name, header))
    table = _Table(path, header, numbers, texts, scratch)
    for block in iter(lambda: list(itertools.islice(lines, ROWS)), []):
        table.add(block)
    stored = table.stored()
    targets = stored.pop("", None)
    found = None
    if task == "classification":
        found = encode_labels(table.texts[answers[0]], classes, f"{path}: column {answers[0]!r}")
    columns, record = preprocess_inputs(stored, preprocess)
    return Dataset(
        inputs=columns,
        targets=targets if found is None else found.values,
        classes=classes if found is None or found.classes is None else found.classes,
        split=np.array(table.texts[split_column]) if split_column else None,
        place=path,
        detail=lambda sample: f"line {table.lines[sample]}",
        preprocessing=record,
    )


class _Table:
    """What has been read: numbers on disk, texts and line numbers in memory."""

    def __init__(
        self,
        path: str,
        header: list[str],
        numbers: dict[str, list[str]],
        texts: list[str],
        scratch: Path,
    ) -> None:
        self.path = path
        self.header = header
        self.columns = {name: i for i, name in enumerate(header)}
        self.numbers = numbers
        self.texts: dict[str, list[str]] = {name: [] for name in texts}
        self.known: dict[str, str] = {}  # one object a text, however many rows have it
        self.lines = array("q")
        self.files = {name: scratch / f"{i}.raw" for i, name in enumerate(numbers)}

    def add(self, block: list[tuple[int, list[str]]]) -> None:
        for line, cells in block:
            if len(cells) != len(self.header):
                expected = f"the header has {len(self.header)}"
                raise DataError(f"{self.path}: line {line}", f"{len(cells)} cells", expected)
        self.lines.extend(line for line, _ in block)
        for name, columns in self.numbers.items():
            where = [self.columns[column] for column in columns]
            with self.files[name].open("ab") as file:
                file.write(self._parsed(block, where).data)
        for name, texts in self.texts.items():
            column = self.columns[name]
            texts.extend(self._text(line, cells, column) for line, cells in block)

    def stored(self) -> dict[str, FileRows]:
        if not self.lines:
            raise DataError(self.path, "no rows below the header", "expected at least one")
        return {
            name: FileRows(path, np.dtype(np.float32), (len(self.lines), len(self.numbers[name])))
            for name, path in self.files.items()
        }

    def _text(self, line: int, cells: list[str], column: int) -> str:
        if not cells[column]:
            place = f"{self.path}: line {line}, column {self.header[column]!r}"
            raise DataError(place, "empty", "expected a name")
        return self.known.setdefault(cells[column], cells[column])

    def _parsed(self, block: list[tuple[int, list[str]]], where: list[int]) -> np.ndarray:
        try:
            values = [[read_number(cells[i]) for i in where] for _, cells in block]
            with np.errstate(over="ignore"):
                parsed = np.array(values, np.float64).astype(np.float32)
        except ValueError:
            parsed = np.full((1, 1), np.nan, np.float32)
        if not np.isfinite(parsed).all():
            self._refuse(block, where)
        return parsed

    def _refuse(self, block: list[tuple[int, list[str]]], where: list[int]) -> None:
        for (line, cells), i in itertools.product(block, where):
            place = f"{self.path}: line {line}, column {self.header[i]!r}"
            try:
                with np.errstate(over="ignore"):
                    finite = bool(np.isfinite(np.float32(read_number(cells[i]))))
            except ValueError:
                raise DataError(place, repr(cells[i]), "expected a number") from None
            if not finite:
                raise DataError(place, repr(cells[i]), "expected a real number within float32")
