from __future__ import annotations

import os
import signal
import time

import pytest

from stages.apart import apart
from stages.errors import DataError, InterpreterError


def test_apart_gives_what_the_function_returns():
    """From another process."""
    assert os.getpid() != apart(os.getpid, seconds=60, place="model")


def test_apart_names_the_signal_that_ended_the_child():
    """The parent survives."""
    with pytest.raises(InterpreterError, match=r"^m\.tflite: .* ended by SIGABRT$"):
        apart(os.abort, seconds=60, place="m.tflite")
    with pytest.raises(InterpreterError, match="SIGSEGV"):
        apart(signal.raise_signal, signal.SIGSEGV, seconds=60, place="m.tflite")


def test_apart_ends_a_child_that_takes_too_long():
    """And says how long it was given."""
    with pytest.raises(InterpreterError, match=r"m\.tflite: no answer within 1 s"):
        apart(time.sleep, 600, seconds=1, place="m.tflite")


def test_apart_tells_a_status_without_an_answer():
    """Nobody returned, nobody was killed."""
    with pytest.raises(InterpreterError, match="ended with status 3"):
        apart(os._exit, 3, seconds=60, place="m.tflite")


def test_apart_raises_what_the_function_raised():
    """One line, of the same class."""
    with pytest.raises(DataError) as caught:
        apart(_refuse, "x.npy", seconds=60, place="model")

    assert "x.npy: NaN; expected numbers" == str(caught.value)


def _refuse(place):
    raise DataError(place, "NaN", "expected numbers")
