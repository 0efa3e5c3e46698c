"""Reading a flatbuffer's tables within bounds.

The generated accessors believe every length and index that a file states. These do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Tables:
    """Reads vectors of `content`; `where` tells which table was read last.

    A table takes four bytes and a number one at least, so a file cannot state more of them than it
    has room for; each visit counts, so that tables sharing their parts cannot multiply.
    """

    content: bytes
    where: str = "model table"
    visits: int = 0

    def each(self, table: Any, name: str) -> Iterator[Any]:
        """Give the tables of a vector; ValueError for a length that cannot be true."""
        length = self._room(getattr(table, f"{name}Length")(), name)
        get = getattr(table, name)
        for index in range(length):
            self.where = f"{name} {index}"
            yield get(index)

    def numbers(self, table: Any, name: str) -> list[int]:
        """Give a vector of numbers; ValueError for a length that cannot be true."""
        if self._room(getattr(table, f"{name}Length")(), name) == 0:
            return []
        return [int(number) for number in getattr(table, f"{name}AsNumpy")()]

    def indices(self, table: Any, name: str, of: int, *, optional: bool = False) -> list[int]:
        """Give a vector of indices below `of`; where optional, -1 stands for an absent one."""
        return [
            number if optional and number == -1 else index(number, of)
            for number in self.numbers(table, name)
        ]

    def _room(self, length: int, name: str) -> int:
        self.visits += length
        if self.visits > len(self.content):
            raise ValueError(f"{length} {name} in {len(self.content)} bytes")
        return length


def index(number: int, of: int) -> int:
    """Give `number`, or ValueError when it is no index of `of` things."""
    if not 0 <= number < of:
        raise ValueError(f"index {number} of {of}")
    return number


def text(raw: bytes | None) -> str:
    """Give a string of a flatbuffer, which may be absent."""
    return (raw or b"").decode("utf-8", "replace")
