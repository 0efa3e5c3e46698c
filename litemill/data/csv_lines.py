"""The lines and cells of a CSV file, bounded; what is wrong is named by its line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import DataError
from litemill.data.untrusted_array import refuse_special

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

LINE = 1 << 26  # characters


def read_lines(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each row's last line, and its cells; blank lines are left out.

    Raises:
        DataError: the file cannot be read as CSV; names the line.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        found = repr(delimiter)
        raise DataError("data.load.delimiter", found, "expected a single character, such as ';'")
    refuse_special(Path(path), "expected a CSV file")
    line = 1
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(_texts(path, file), delimiter=delimiter, strict=True)
            for cells in rows:
                line = rows.line_num
                if cells:  # blank lines hold nothing
                    yield line, cells
    except UnicodeDecodeError as error:
        raise DataError(path, f"no UTF-8 text ({error.reason})", "save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(path, f"no CSV after line {line} ({error})", "mend or quote it") from None


def _texts(path: str, file: IO[str]) -> Iterator[str]:
    """Iterate over the lines of a file, which have an end and no NUL."""
    for number, text in enumerate(iter(lambda: file.readline(LINE), ""), 1):
        if "\0" in text:
            raise DataError(f"{path}: line {number}", "a NUL", "expected text")
        if len(text) == LINE:
            expected = f"expected fewer than {LINE:,} characters"
            raise DataError(f"{path}: line {number}", "a line without an end", expected)
        yield text


def read_number(cell: str) -> float:
    """Read a number as CSV has it: Python takes digits of any script, and underscores, too."""
    if not cell.isascii() or "_" in cell:
        raise ValueError(cell)
    return float(cell)


def check_header(path: str, header: list[str]) -> None:
    """Refuse a first line that does not name each column, once.

    Raises:
        DataError: names the column.
    """
    if not header:
        raise DataError(path, "empty", "expected a first line that names the columns")
    seen: set[str] = set()
    for i, name in enumerate(header):
        if not name.strip():
            expected = "name it in the first line, or remove it"
            raise DataError(path, f"column {i + 1} has no name", expected)
        if name in seen:
            raise DataError(path, f"column {name!r} twice", "expected one of each name")
        seen.add(name)
