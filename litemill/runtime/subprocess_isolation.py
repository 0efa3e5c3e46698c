"""Running a function in a process of its own, for files that may take their process down.

The child is a fresh interpreter, so that nothing that the parent has loaded can matter; or, where
the parent is known to have started no threads of its own, a fork, which starts in milliseconds.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from litemill.core.errors import InterpreterError, LitemillError, first_line
from litemill.core.exit_status import TRACEBACK, print_traceback

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

T = TypeVar("T")
PACKAGE = Path(__file__).parents[1]


class OutOfTimeError(InterpreterError):
    """A process took longer than it was given."""


class CrashError(InterpreterError):
    """A process ended without an answer."""


def run_isolated(
    function: Callable[..., T], *arguments: Any, seconds: float, place: object, fork: bool = False
) -> T:
    """Call `function(*arguments)` in a child process; all of it must be picklable by name.

    Args:
        function: a function at the top of a module; any function for a fork.
        arguments: what it is called with.
        seconds: how long it may take.
        place: what errors call it.
        fork: fork this process where the platform can, and pickle only the answer.

    Returns:
        What the function returns.

    Raises:
        LitemillError: as the function raised it.
        InterpreterError: another library raised anything else.
        RuntimeError: a fork raised anything else; with its traceback.
        CrashError: the child died of a signal; OutOfTimeError: it took too long.
    """
    context = _context(fork=fork)
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(there, function, arguments, fork, place))
    child.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise OutOfTimeError(place, f"no answer within {seconds:g} s", "the run was ended")
        done, answer = here.recv()
    except EOFError:
        child.join()
        raise CrashError(place, _how_it_ended(child.exitcode)) from None
    finally:
        child.kill()
        child.join()
        here.close()
    if not done:
        raise answer
    return answer  # type: ignore[no-any-return]


def _context(*, fork: bool) -> Any:
    # A fork on macOS crashes in the system's own libraries.
    can = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return multiprocessing.get_context("fork" if fork and can else "spawn")


def _answer(
    there: Connection,
    function: Callable[..., T],
    arguments: tuple[Any, ...],
    fork: bool,  # noqa: FBT001  # of the process
    place: object,
) -> None:
    faulthandler.disable()  # the parent tells how it ended
    try:
        there.send((True, function(*arguments)))
    except LitemillError as error:
        print_traceback()
        there.send((False, error))
    except Exception as error:
        if fork:
            there.send((False, RuntimeError(traceback.format_exc())))
        elif _is_of_others(error):
            print_traceback()
            found = f"{type(error).__name__}: {first_line(error)}"
            expected = f"{TRACEBACK}=1 in the environment shows where"
            there.send((False, InterpreterError(str(place), found, expected)))
        else:
            raise


def _is_of_others(error: Exception) -> bool:
    """Tell whether another library raised it, about what it was given."""
    where = traceback.extract_tb(error.__traceback__)[-1].filename
    return not Path(where).is_relative_to(PACKAGE)


def _how_it_ended(status: int | None) -> str:
    if status is not None and status < 0:
        return f"the process that ran it was ended by {signal.Signals(-status).name}"
    return f"the process that ran it ended with status {status}"
