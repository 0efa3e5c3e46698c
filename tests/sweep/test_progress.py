"""How far a sweep is: a bar on a real pseudo-terminal, lines elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import threading

import pytest

from litemill.config.schema.variant import Variant
from litemill.sweep import progress
from litemill.sweep.executor import PointResult
from litemill.sweep.points import Point
from litemill.sweep.progress import Progress

DONE = PointResult(Point("a", Variant(), {}, None))
FAILED = PointResult(Point("b", Variant(), {}, None), error="it crashed")
REFUSED = PointResult(Point("c", Variant(), {}, "it cannot be"), error="it cannot be")


def screen(told, total):
    """Return what a terminal is sent, line by line as it is drawn, without colours."""
    here, there = pty.openpty()
    sent = list[bytes]()

    def read():
        while block := _block(here):
            sent.append(block)

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(there, "w") as stream, Progress(stream) as bar:
        bar.expect(total)
        for found, fresh in told:
            bar.tell(found, fresh)
    reader.join(10)
    os.close(here)
    text = b"".join(sent).decode()
    return text, [
        line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", text).split("\n") if line
    ]


def _block(line):
    try:
        return os.read(line, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """Say what kind of terminal it is."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_a_terminal_shows_counts_failures_the_rate_and_the_time_left():
    """Each time that a point is done."""
    _, lines = screen([(DONE, True), (FAILED, True), (DONE, True)], 4)
    text = " ".join(lines)
    assert "looking for what is known" in text
    for count in ("0/4", "1/4", "2/4", "3/4"):
        assert count in text
    assert re.search(r"2/4 .*1 failed, [\d.]+ a second, \d+:\d\d left", text)
    assert "━" in text
    assert text.index("starting") < text.index("1/4")


def test_points_that_cannot_be_made_are_not_counted():
    """They take no time, and so have no part in the time left."""
    _, lines = screen([(REFUSED, False), (DONE, True), (REFUSED, False), (DONE, True)], 2)
    text = " ".join(lines)
    assert "2/2" in text
    assert "3/2" not in text


def test_the_terminal_is_left_as_it_was():
    """The bar is gone and the cursor is back, however it ends."""
    text, _ = screen([(DONE, True)], 2)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.rindex("\x1b[2K") > text.rindex("1/2")


@pytest.mark.parametrize(("every", "count"), [(0.0, 3), (1e9, 0)])
def test_elsewhere_there_are_quiet_lines(monkeypatch, every, count):
    """Whole ones, without colours, one now and then."""
    monkeypatch.setattr(progress, "EVERY", every)
    stream = io.StringIO()
    with Progress(stream) as lines:
        lines.expect(3)
        for found in (DONE, FAILED, REFUSED, DONE):
            lines.tell(found, True)  # noqa: FBT003  # as the course calls it
    told = stream.getvalue().splitlines()
    assert count == len(told)
    rate = r", [\d.]+ a second, \d+:\d\d left"  # from two on
    ends = (" 1 of 3 points", f" 2 of 3 points, 1 failed{rate}", f" 3 of 3 points, 1 failed{rate}")
    assert all(re.fullmatch(f"sweep:{end}", line) for end, line in zip(ends, told, strict=False))


def test_a_duration_is_told_as_a_clock_would():
    """Hours only where there are some."""
    times = [progress._duration(seconds) for seconds in (0, 59.6, 61, 3600, 7325)]
    assert ["0:00", "1:00", "1:01", "1:00:00", "2:02:05"] == times
