"""Points computed for whoever asks: `python -m litemill.sweep.serve 2 600 FOLDER`.

Arguments: points at a time, seconds that each may take, a folder that is removed at the end. It
says "ready" once, and from then on answers each line on standard input by one on standard output,
in whatever order points are done: JSON, [name, pickled task] and [name, pickled outcome].
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import select
import shutil
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config.parameters import section
from litemill.core.exit_status import run_and_exit
from litemill.sweep.inputs import refuse_other_toolchain
from litemill.sweep.job import compute_point
from litemill.sweep.pool import Pool, import_libraries

if TYPE_CHECKING:
    from litemill.sweep.pool import Tell
    from litemill.sweep.task import Outcome, Task

BUILD = Path("build")


def serve(workers: int, seconds: float) -> None:
    """Answer until standard input ends."""
    import_libraries(BUILD)
    _say("ready")
    waiting: deque[Task] = deque()
    unread, there = b"", True
    with Pool(_computed, workers, seconds) as pool:
        while there:
            while waiting and pool.free:
                pool.give(waiting.popleft())
            for task, outcome in pool.wait(also=[0]):
                answer = base64.b64encode(pickle.dumps(outcome)).decode()
                _say(json.dumps([task.point, answer]))
            if not _readable():
                continue
            block = os.read(0, 1 << 20)
            there = bool(block)
            *lines, unread = (unread + block).split(b"\n")
            waiting.extend(_order(line) for line in lines)


def _readable() -> bool:
    return bool(select.select([0], [], [], 0)[0])


def _order(line: bytes) -> Task:
    order: Task = pickle.loads(base64.b64decode(json.loads(line)[1]))  # noqa: S301  # our sweep's
    return order


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _computed(task: Task, tell: Tell) -> Outcome:
    # The sweep knows what was measured; a node does not.
    return compute_point(task, BUILD, lambda *_: False, tell)


def main() -> None:
    """Refuse another environment than that of the sweep; serve."""
    refuse_other_toolchain(section())
    try:
        serve(int(sys.argv[1]), float(sys.argv[2]))
    finally:
        shutil.rmtree(sys.argv[3], ignore_errors=True)


if __name__ == "__main__":
    run_and_exit(main)
