"""Running a function in a process of its own, for files that may take their process down.

The child is a fresh interpreter, not a fork, so nothing that the parent has loaded can matter.
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Any, TypeVar

from stages.errors import InterpreterError, LitemillError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

T = TypeVar("T")


class OutOfTimeError(InterpreterError):
    """A process took longer than it was given."""


def apart(function: Callable[..., T], *arguments: Any, seconds: float, place: object) -> T:
    """Call `function(*arguments)` in a child process; all of it must be picklable by name.

    Args:
        function: a function at the top of a module.
        arguments: what it is called with.
        seconds: how long it may take.
        place: what errors call it.

    Returns:
        What the function returns.

    Raises:
        LitemillError: as the function raised it.
        InterpreterError: the child died of a signal; OutOfTimeError: it took too long.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(there, function, arguments), daemon=True)
    child.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise OutOfTimeError(place, f"no answer within {seconds:g} s", "the run was ended")
        done, answer = here.recv()
    except EOFError:
        child.join()
        raise InterpreterError(place, _how_it_ended(child.exitcode)) from None
    finally:
        child.kill()
        child.join()
        here.close()
    if not done:
        raise _again(*answer)
    return answer  # type: ignore[no-any-return]


def _answer(there: Connection, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
    try:
        there.send((True, function(*arguments)))
    except LitemillError as error:
        # Class and text, because the class itself is called with parts that are joined by now.
        there.send((False, (type(error), str(error))))


def _again(kind: type[LitemillError], told: str) -> LitemillError:
    error = kind.__new__(kind)
    Exception.__init__(error, told)
    return error


def _how_it_ended(status: int | None) -> str:
    if status is not None and status < 0:
        return f"the process that ran it was ended by {signal.Signals(-status).name}"
    return f"the process that ran it ended with status {status}"
