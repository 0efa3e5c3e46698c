"""How every process of Litemill ends.

Exit status: 0 done, 1 failed for a reason that one line tells (or, for a bug, a traceback), 130
interrupted. LITEMILL_TRACEBACK=1 in the environment prints the traceback of every failure too, with
those of the errors that caused it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from litemill.core.errors import LitemillError, error_line

if TYPE_CHECKING:
    from collections.abc import Callable


TRACEBACK = "LITEMILL_TRACEBACK"


def run_and_exit(main: Callable[[], None], on_failure: Callable[[], str] = lambda: "") -> NoReturn:
    """Call `main` and exit: no traceback for what a user can mend, a full one for what we must.

    Args:
        main: does the work; may exit with a status of its own.
        on_failure: called when `main` raised anything; what it returns is printed last.
    """
    try:
        main()
    except LitemillError as error:
        print_traceback()
        _exit(1, f"{error}", on_failure())
    except OSError as error:
        print_traceback()
        # A full disk, a missing permission: the user's to mend, and the message names the file.
        hint = on_failure()
        _exit(1, error_line(error) if hint else f"{error_line(error)}; nothing was replaced", hint)
    except KeyboardInterrupt:
        _exit(130, "interrupted", on_failure())
    except Exception:
        if hint := on_failure():
            print(hint, file=sys.stderr)
        raise
    sys.exit(0)


def print_traceback() -> None:
    """Print the traceback of the error that is being handled, where the user asked for it."""
    if os.environ.get(TRACEBACK) == "1":
        traceback.print_exc()


def _exit(status: int, *lines: str) -> NoReturn:
    print(*filter(None, lines), sep="\n", file=sys.stderr)
    sys.exit(status)
