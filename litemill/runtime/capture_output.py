"""Keeping what libraries print out of people's sight, until something fails.

C++ code writes to file descriptors 1 and 2 directly, so these are redirected, not `sys.stdout`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from litemill.core.errors import last_line

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = (1, 2)
_originals: list[int] = []  # of standard error, the outermost block's first


@dataclass(frozen=True)
class CapturedOutput:
    """What was printed in a `quiet` block, standard output and error in their order."""

    file: IO[bytes]

    def text(self) -> str:
        """Return all that was printed so far."""
        _flush()
        here = os.lseek(self.file.fileno(), 0, os.SEEK_CUR)
        raw = os.pread(self.file.fileno(), here, 0)
        return raw.decode("utf-8", "replace")

    def last_line(self) -> str:
        """Return the last line that is not blank, or nothing."""
        return last_line(self.text())


def original_stderr() -> int:
    """Return the descriptor of standard error as it was before any block captured it."""
    return _originals[0] if _originals else 2


@contextlib.contextmanager
def capture_output(explained: type[BaseException] | tuple[()] = ()) -> Iterator[CapturedOutput]:
    """Hold back what the block prints; when it raises, print all of it to standard error.

    Args:
        explained: errors that say themselves all that there is to say: then nothing is printed.
    """
    with tempfile.TemporaryFile() as file:
        said = CapturedOutput(file)
        _flush()
        kept = {stream: os.dup(stream) for stream in STREAMS}
        for stream in STREAMS:
            os.dup2(file.fileno(), stream)
        text = ""
        _originals.append(kept[2])
        try:
            yield said
        except explained:
            raise
        except BaseException:
            text = said.text()
            raise
        finally:
            _flush()
            _originals.pop()
            for stream, original in kept.items():
                os.dup2(original, stream)
                os.close(original)
            sys.stderr.write(text)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
