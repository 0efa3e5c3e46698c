"""The arena of TensorFlow Lite Micro: what its allocator says, and the smallest that works.

Both are figures of this machine, whose pointers have 64 bits: upper estimates for devices with 32.
An arena that is too small can end the process, so each is tried in a process of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.runtime.capture_output import capture_output
from litemill.runtime.subprocess_isolation import CrashError
from litemill.targets.tflm_interpreter import (
    ArenaError,
    failure_of,
    open_interpreter,
    printed_before,
)
from litemill.tflite.interpreter import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.targets.kind import Isolated

STEP = 16  # bytes: the alignment of the arena
GENEROUS = 10  # times the file: what TFLM's own Python interpreter takes
LARGEST = 1 << 30  # bytes of an arena; no microcontroller has more
PRINTED = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


def measure_arena(content: bytes, place: object, isolated: Isolated) -> dict[str, int]:
    """Measure the arena of a file.

    Args:
        content: the file.
        place: what errors call it.
        isolated: calls a function in a process of its own.

    Returns:
        `total`, `head` and `tail` as the allocator prints them, and `smallest`, the smallest arena
        in which the file loads and runs, in steps of 16 bytes.

    Raises:
        InterpreterError: it does not run in an arena of any size.
    """
    allocated = _allocations(content, place, isolated)

    def works(size: int) -> bool:
        try:
            return bool(isolated(runs_in_arena, content, size))
        except CrashError:
            return False

    return {**allocated, "smallest": smallest(works, allocated["total"])}


def smallest(works: Callable[[int], bool], guess: int) -> int:
    """Search the smallest size in steps of 16 bytes for which `works` is true, from a guess."""
    guess = -(-guess // STEP) * STEP
    step = STEP
    if works(guess):
        fits, fails = guess, guess - STEP
        while fails > 0 and works(fails):
            fits, step = fails, step * 2
            fails = max(0, fails - step)
    else:
        fails, fits = guess, guess + STEP
        while not works(fits):
            fails, step = fits, step * 2
            fits += step
            if fits > LARGEST:
                raise InterpreterError("arena", f"no size up to {LARGEST} bytes works")
    while fits - fails > STEP:
        middle = (fits + fails) // 2 // STEP * STEP
        fits, fails = (middle, fails) if works(middle) else (fits, middle)
    return fits


def _allocations(content: bytes, place: object, isolated: Isolated) -> dict[str, int]:
    """Run the file in arenas that grow until one is large enough."""
    size = max(GENEROUS * len(content), 1 << 16)
    while True:
        try:
            return dict(isolated(allocations, content, size, place))
        except ArenaError:
            if size >= LARGEST:
                raise
        size *= 4


def allocations(content: bytes, size: int, place: object) -> dict[str, int]:
    """Run a file once in an arena, and return what the allocator says it took.

    Raises:
        InterpreterError: it does not run in this arena.
    """
    interpreter = open_interpreter(content, size, place)
    with capture_output() as printed:
        failure = ""
        try:
            _run_once(interpreter, content)
        except FAILURES as error:
            failure = printed_before(printed.text(), str(error))
        interpreter.print_allocations()
        text = printed.text()
    if failure:
        raise failure_of(place, failure)
    return {part: int(count) for part, count in PRINTED.findall(text)}


def runs_in_arena(content: bytes, size: int) -> bool:
    """Return whether a file loads and runs in an arena of so many bytes."""
    try:
        allocations(content, size, "arena")
    except InterpreterError:
        return False
    return True


def _run_once(interpreter: Any, content: bytes) -> None:
    from litemill.tflite.flatbuffer import describe

    for position in range(len(describe(content).inputs)):
        details = interpreter.get_input_details(position)
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), position)
    interpreter.invoke()
