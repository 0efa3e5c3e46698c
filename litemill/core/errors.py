"""What can go wrong that a user can mend; each prints as one line.

    LitemillError
    ├── ConfigError      conf/ or params.yaml says something that cannot be built
    ├── ToolchainError   the environment is not the one that requirements.lock pins
    ├── DataError        a data set, a split or a sample file is not usable
    ├── ModelError       a model cannot be built, loaded or exported
    ├── ConversionError  the converter failed, or its file is not what was asked
    ├── InterpreterError a .tflite file cannot be loaded or run
    ├── GateError        a check failed
    └── ReleaseError     a release cannot be cut, or its bundle is not what it should be

A message reads *place: what was found; what was expected, or the nearest name*.
"""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
NAMES = 1000  # that are compared with a wrong one; the time grows with their number


class LitemillError(Exception):
    """A failure that a user can mend, in one line.

    Attributes:
        place: the file, option or command at fault.
        found: what was found there.
        expected: what was expected, the nearest name, or what to do; may be empty.
    """

    def __init__(self, place: object, found: str, expected: str = "") -> None:
        """Hold the three parts, with any line breaks folded away."""
        self.place, self.found, self.expected = (
            " ".join(part.split()) for part in (str(place), found, expected)
        )
        super().__init__(self.place, self.found, self.expected)

    def __str__(self) -> str:
        """Return the line *place: found; expected*."""
        return f"{self.place}: {self.found}" + (f"; {self.expected}" if self.expected else "")

    def at(self, place: object) -> Self:
        """Return the same failure at another place."""
        return type(self)(place, self.found, self.expected)


class ConfigError(LitemillError):
    """The configuration says something that cannot be built."""


class ToolchainError(LitemillError):
    """The environment is not the one that requirements.lock pins."""


class DataError(LitemillError):
    """A data set, a split or a sample file is not usable."""


class ModelError(LitemillError):
    """A model cannot be built, loaded or exported."""


class ConversionError(LitemillError):
    """The converter failed, or what it wrote is not what was asked."""


class InterpreterError(LitemillError):
    """A .tflite file cannot be loaded or run."""


class GateError(LitemillError):
    """A check failed."""


class ReleaseError(LitemillError):
    """A release cannot be cut, or its bundle is not what it should be."""


class ErrorGroup(LitemillError):
    """Several failures at once, one line each: lists of failures name all, not the first.

    Attributes:
        errors: the failures; `place`, `found` and `expected` are those of the first.
    """

    def __init__(self, errors: Iterable[LitemillError]) -> None:
        self.errors = list(errors)
        first = self.errors[0]
        super().__init__(first.place, first.found, first.expected)
        self.args = (self.errors,)

    def __str__(self) -> str:
        """Return a line for each."""
        return "\n".join(str(error) for error in self.errors)


def collect_errors(
    errors: list[LitemillError], call: Callable[..., T], *arguments: Any, **named: Any
) -> T | None:
    """Return what a call gives; or None, with what is wrong at the end of `errors`."""
    try:
        return call(*arguments, **named)
    except ErrorGroup as several:
        errors += several.errors
    except LitemillError as error:
        errors.append(error)
    return None


def error_line(error: LitemillError | OSError) -> str:
    """Return the line of an error, which an error of the operating system has in two parts."""
    if isinstance(error, LitemillError):
        return str(error)
    return f"{error.filename or 'operating system'}: {error.strerror or error}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say what was expected instead of `name`: the nearest known name, or all of them."""
    names = sorted(itertools.islice(known, NAMES))
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(names)}"


def few(names: Sequence[str], most: int = 5) -> str:
    """List names for a line: the first ones, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def first_line(error: BaseException) -> str:
    """Return the first line in which another program's error says something, or else its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def last_line(text: str) -> str:
    """Return the last line of a text that is not blank, stripped; or nothing."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
