from __future__ import annotations

import json
import os
import signal
import time

import pytest

from litemill.core.errors import DataError, InterpreterError
from litemill.runtime.subprocess_isolation import CrashError, OutOfTimeError, run_isolated


def test_apart_gives_what_the_function_returns():
    """From another process."""
    assert os.getpid() != run_isolated(os.getpid, seconds=60, place="model")


def test_apart_names_the_signal_that_ended_the_child():
    """The parent survives."""
    with pytest.raises(InterpreterError, match=r"^m\.tflite: .* ended by SIGABRT$"):
        run_isolated(os.abort, seconds=60, place="m.tflite")
    with pytest.raises(InterpreterError, match="SIGSEGV"):
        run_isolated(signal.raise_signal, signal.SIGSEGV, seconds=60, place="m.tflite")


def test_apart_ends_a_child_that_takes_too_long():
    """And says how long it was given."""
    with pytest.raises(InterpreterError, match=r"m\.tflite: no answer within 1 s"):
        run_isolated(time.sleep, 600, seconds=1, place="m.tflite")


def test_apart_tells_a_status_without_an_answer():
    """Nobody returned, nobody was killed."""
    with pytest.raises(InterpreterError, match="ended with status 3"):
        run_isolated(os._exit, 3, seconds=60, place="m.tflite")


def test_apart_raises_what_the_function_raised():
    """One line, of the same class."""
    with pytest.raises(DataError) as caught:
        run_isolated(_refuse, "x.npy", seconds=60, place="model")

    assert "x.npy: NaN; expected numbers" == str(caught.value)


def test_apart_tells_what_another_library_raised_in_one_line(monkeypatch, capfd):
    """And its traceback on request; a fault of ours has one always."""
    with pytest.raises(InterpreterError, match=r"^m\.json: JSONDecodeError: .*LITEMILL_TRACEBACK"):
        run_isolated(json.loads, "{", seconds=60, place="m.json")
    assert "Traceback" not in capfd.readouterr().err
    monkeypatch.setenv("LITEMILL_TRACEBACK", "1")
    with pytest.raises(InterpreterError, match="JSONDecodeError"):
        run_isolated(json.loads, "{", seconds=60, place="m.json")
    assert "JSONDecodeError" in capfd.readouterr().err


def test_apart_by_a_fork_needs_no_pickling_and_survives_as_well():
    """A function inside of a function; a signal; a time limit."""
    held = [1, 2]

    assert [1, 2, 3] == run_isolated(lambda: [*held, 3], seconds=60, place="model", fork=True)
    with pytest.raises(CrashError, match=r"^m: .* ended by SIGKILL$"):
        run_isolated(lambda: os.kill(os.getpid(), signal.SIGKILL), seconds=60, place="m", fork=True)
    with pytest.raises(OutOfTimeError, match="no answer within 1 s"):
        run_isolated(lambda: time.sleep(600), seconds=1, place="m", fork=True)


def test_apart_by_a_fork_hands_on_the_traceback_of_a_fault_of_ours():
    """Which is no crash of the file."""
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ZeroDivisionError"):
        run_isolated(lambda: 1 // 0, seconds=60, place="m", fork=True)


def test_apart_may_be_called_in_a_process_that_is_apart():
    """As the check of a conversion is."""
    assert 3 == run_isolated(_nested, seconds=60, place="model")


def _nested():
    return run_isolated(len, (1, 2, 3), seconds=60, place="inner")


def _refuse(place):
    raise DataError(place, "NaN", "expected numbers")
