"""How every process of Litemill ends.

Exit status: 0 done, 1 failed for a reason that one line tells (or, for a bug, a traceback), 130
interrupted, 141 standard output was closed by its reader, as in `litemill explain | head`.
LITEMILL_TRACEBACK=1 in the environment prints the traceback of every failure too, with those of the
errors that caused it.
"""

from __future__ import annotations

import os
import select
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from litemill.core.errors import LitemillError, error_line

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED = 141  # as shells number an end by SIGPIPE


TRACEBACK = "LITEMILL_TRACEBACK"


def run_and_exit(main: Callable[[], None], on_failure: Callable[[], str] = lambda: "") -> NoReturn:
    """Call `main` and exit: no traceback for what a user can mend, a full one for what we must.

    Args:
        main: does the work; may exit with a status of its own.
        on_failure: called when `main` raised anything; what it returns is printed last.
    """
    try:
        main()
    except SystemExit as end:
        if _is_output_closed() and not end.code:
            sys.exit(CLOSED)
        raise
    except LitemillError as error:
        print_traceback()
        _exit(1, f"{error}", on_failure())
    except OSError as error:
        print_traceback()
        hint = on_failure()
        if isinstance(error, BrokenPipeError) and _is_output_closed(failed=True):
            _exit(CLOSED, hint)
        # A full disk, a missing permission: the user's to mend, and the message names the file.
        _exit(1, error_line(error) if hint else f"{error_line(error)}; nothing was replaced", hint)
    except KeyboardInterrupt:
        _exit(130, "interrupted", on_failure())
    except Exception:
        if hint := on_failure():
            print(hint, file=sys.stderr)
        raise
    sys.exit(CLOSED if _is_output_closed() else 0)


def _is_output_closed(*, failed: bool = False) -> bool:
    """Return whether the reader of standard output went away before all was written.

    What is left for it is dropped then: the interpreter would try once more at its end, and
    complain.

    Args:
        failed: whether a write has failed already, somewhere.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        failed = True
    if not failed:
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if not poll.poll(0):  # of no event asked for, it tells of a reader that is gone
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def print_traceback() -> None:
    """Print the traceback of the error that is being handled, where the user asked for it."""
    if os.environ.get(TRACEBACK) == "1":
        traceback.print_exc()


def _exit(status: int, *lines: str) -> NoReturn:
    _is_output_closed()
    if told := [line for line in lines if line]:
        print(*told, sep="\n", file=sys.stderr)
    sys.exit(status)
