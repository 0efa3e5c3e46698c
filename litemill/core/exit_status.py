"""How every process of Litemill ends.

Exit status: 0 done, 1 failed for a reason that one line tells (or, for a bug, a traceback), 130
interrupted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from litemill.core.errors import LitemillError, error_line

if TYPE_CHECKING:
    from collections.abc import Callable


def run_and_exit(main: Callable[[], None]) -> NoReturn:
    """Call `main` and exit: no traceback for what a user can mend, a full one for what we must."""
    try:
        main()
    except LitemillError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        # A full disk, a missing permission: the user's to mend, and the message names the file.
        print(f"{error_line(error)}; nothing was replaced", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
