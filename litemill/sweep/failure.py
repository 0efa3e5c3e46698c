"""Errors of points: which are the point's own, which the machine's, and which end a sweep."""

from __future__ import annotations

import errno
import os
import signal
from subprocess import CalledProcessError
from typing import TYPE_CHECKING

from litemill.core.errors import LitemillError
from litemill.sweep.task import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What the machine lacked, in the words of the C library, of Python and of TensorFlow, which pass on
# as text what an exception was elsewhere.
LACKED = (
    *(os.strerror(code) for code in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)),
    *("can't start new thread", "MemoryError", "bad_alloc", "ResourceExhaustedError"),
)
TOLD = 200  # letters of an error of others


def failure_of(error: Exception, place: str = "") -> Outcome:
    """Return what an error says of a point.

    It lasts where Litemill or the converter refuses something, and nothing that led to it was the
    machine's: such errors arrive as causes, since what calls a library wraps whatever it raises.

    Args:
        error: what ended the point.
        place: what its lines begin with, which is left out.
    """
    chain = list(_led_to(error))
    for one in chain:
        if code := _full(one):
            return Outcome(error=os.strerror(code), full=True)
    lasting = isinstance(error, LitemillError) and not any(map(_machines, chain))
    if isinstance(error, LitemillError):
        lines = str(error).replace(place, "") if place else str(error)
        return Outcome(error=" | ".join(lines.splitlines()), lasting=lasting)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Outcome(error=text[:TOLD])


def exit_reason(status: int) -> str:
    """Return how a process ended by its status, as `subprocess` gives it."""
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with status {status}"


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was raised from or while; `from None` hides none of it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, *getattr(one, "errors", ())]


def _full(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno in FULL:
        return error.errno
    text = _text(error)
    return next((code for code in FULL if os.strerror(code) in text), None)


def _machines(error: BaseException) -> bool:
    if isinstance(error, OSError | MemoryError):
        return True
    if isinstance(error, CalledProcessError) and error.returncode < 0:
        return True
    return any(words in f"{type(error).__name__}: {_text(error)}" for words in LACKED)


def _text(error: BaseException) -> str:
    said = getattr(error, "stderr", None) or ""
    return f"{error}\n{said}"
