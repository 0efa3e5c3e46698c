"""A column of the table of variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A bar below a number of the page: a share of the widest; red where `worse`."""

    share: float
    worse: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: its name in the CSV file.
        title: its heading for people; a column without one is in the CSV file only.
        about: what it shows, for the documentation.
        value: what CSV holds and the page sorts by; None is absent.
        text: what people read; empty where the value is absent. By default the value.
        priority: on a narrow terminal, columns of lower priority are left out first.
        number: numbers are aligned to the right.
        in_csv: whether the CSV file has it.
        below: key of the column below whose number the page shows this one.
        bar: what the page draws below the number.
    """

    key: str
    title: str
    about: str
    value: Callable[[Row], Any]
    text: Callable[[Row], str] = str
    priority: int = 0
    number: bool = True
    in_csv: bool = True
    below: str = ""
    bar: Callable[[Row], Bar | None] = lambda _: None

    def cell(self, row: Row) -> str:
        """Return what a table of text shows of a variant."""
        if (text := self.text(row)) or not self.number:
            return text
        return "no run" if row["error"] else "absent"
