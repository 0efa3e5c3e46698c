"""Read the tables of a .tflite file within bounds: what every reader of these files builds on.

The layout is LiteRT's `schema.fbs` (schema version 3). The generated accessors, and LiteRT's
interpreter, believe every length and index that a file states, so that a damaged file can abort
the whole process that loads it. This reader checks them.
"""

from __future__ import annotations

import contextlib
import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, np.dtype[Any]]

IDENTIFIER = b"TFL3"
# Bits of an element; types that are not listed have no fixed size (strings, resources, variants).
BITS = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 64),
    **dict.fromkeys(("float32", "int32", "uint32"), 32),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 16),
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 8),
    **dict.fromkeys(("int4", "uint4"), 4),
    "int2": 2,
    "complex128": 128,
}
_MALFORMED = (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError)


class ModelReader:
    """The tables of a file.

    A table takes four bytes and a number one at least, so a file cannot state more of them than it
    has room for; each visit counts, so that tables sharing their parts cannot multiply.

    Attributes:
        content: the file.
        where: the table that was read last, for errors.
    """

    def __init__(self, content: bytes) -> None:
        """Open a file; nothing is read yet."""
        from ai_edge_litert import schema_py_generated as schema

        self.content, self.schema, self.where = content, schema, "model table"
        self._visits = 0

    @contextlib.contextmanager
    def reporting_damage(self, place: object) -> Iterator[None]:
        """Raise damage that is met inside as an InterpreterError at `place`."""
        try:
            yield
        except _MALFORMED as error:
            why = str(error) or type(error).__name__
            if isinstance(error, struct.error):
                why = "it points behind the end of the file"
            message = f"damaged or truncated at {self.where} ({why})"
            raise InterpreterError(place, message, "expected a whole .tflite file") from None

    @cached_property
    def model(self) -> Any:
        """The root table."""
        return self.schema.Model.GetRootAsModel(self.content, 0)

    @cached_property
    def subgraphs(self) -> list[Any]:
        """The tables of the subgraphs."""
        return list(self.tables(self.model, "Subgraphs"))

    @cached_property
    def operators(self) -> list[tuple[str, bool]]:
        """Name of each operator code, and whether it is custom."""
        names = _enumeration(self.schema.BuiltinOperator)
        return [_operator_name(code, names) for code in self.tables(self.model, "OperatorCodes")]

    @cached_property
    def _types(self) -> dict[int, str]:
        return {n: word.lower() for n, word in _enumeration(self.schema.TensorType).items()}

    def tables(self, table: Any, name: str) -> Iterator[Any]:
        """Read the tables of a vector; ValueError for a length that cannot be true."""
        length = self._checked_length(getattr(table, f"{name}Length")(), name)
        get = getattr(table, name)
        for number in range(length):
            self.where = f"{name} {number}"
            yield get(number)

    def numbers(self, table: Any, name: str) -> list[int]:
        """Read a vector of numbers; ValueError for a length that cannot be true."""
        if self._checked_length(getattr(table, f"{name}Length")(), name) == 0:
            return []
        return [int(number) for number in getattr(table, f"{name}AsNumpy")()]

    def indices(self, table: Any, name: str, of: int, *, optional: bool = False) -> list[int]:
        """Read a vector of indices below `of`; where optional, -1 stands for an absent one."""
        return [
            number if optional and number == -1 else index(number, of)
            for number in self.numbers(table, name)
        ]

    def dtype(self, tensor: Any) -> str:
        """Return the type of a tensor's values, such as int8."""
        return self._types[tensor.Type()]

    def buffer(self, number: int) -> Any:
        """Return the table of a buffer."""
        return self.model.Buffers(index(number, self.model.BuffersLength()))

    def data(self, number: int) -> Array | None:
        """Return the bytes of a buffer, None where it has none."""
        buffer = self.buffer(number)
        if buffer.Offset() > 1:  # outside of the flatbuffer, as models above 2 GB have it
            size, start = int(buffer.Size()), int(buffer.Offset())
            return np.frombuffer(self.content, np.uint8, size, start)  # ValueError beyond the end
        return np.asarray(buffer.DataAsNumpy()) if buffer.DataLength() else None

    def _checked_length(self, length: int, name: str) -> int:
        self._visits += length
        if self._visits > len(self.content):
            raise ValueError(f"{length} {name} in {len(self.content)} bytes")
        return length


def index(number: int, of: int) -> int:
    """Return `number`, or raise ValueError when it is no index of `of` things."""
    if not 0 <= number < of:
        raise ValueError(f"index {number} of {of}")
    return number


def text(raw: bytes | None) -> str:
    """Decode a string of a flatbuffer, which may be absent."""
    return (raw or b"").decode("utf-8", "replace")


def scale_count(tensor: Any) -> int:
    """Return how many scales a tensor has; 0 where it is not quantized."""
    quantization = tensor.Quantization()
    return int(quantization.ScaleLength()) if quantization is not None else 0


def _enumeration(enumeration: type) -> dict[int, str]:
    return {number: word for word, number in vars(enumeration).items() if isinstance(number, int)}


def _operator_name(code: Any, names: dict[int, str]) -> tuple[str, bool]:
    # Numbers below 127 are in the deprecated field, as old readers know no other.
    name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    return (text(code.CustomCode()) or name, True) if name == "CUSTOM" else (name, False)
