"""Points computed for a node: `python -m litemill.sweep.serve 2 600 FOLDER DESCRIPTOR`.

Arguments: points at a time, seconds that each may take, a folder that is removed at the end, and an
end of a `multiprocessing.Pipe`. It sends one value when it is ready, and from then on takes pairs,
(name, pickled task), and answers each by (name, pickled outcome), in whatever order points are
done; None, or the other end closed, ends it.
"""

from __future__ import annotations

import pickle
import shutil
import sys
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config.parameters import section
from litemill.core.exit_status import run_and_exit
from litemill.sweep.inputs import refuse_other_toolchain
from litemill.sweep.job import compute_point
from litemill.sweep.pool import Pool
from litemill.sweep.pool_child import import_libraries

if TYPE_CHECKING:
    from litemill.sweep.pool_child import Tell
    from litemill.sweep.task import Outcome, Task

BUILD = Path("build")


def serve(line: Connection, workers: int, seconds: float) -> None:
    """Answer until the other end says that it is enough."""
    import_libraries(BUILD)
    line.send("ready")
    waiting: deque[Task] = deque()
    with Pool(_computed, workers, seconds) as pool:
        while True:
            while waiting and pool.free:
                pool.give(waiting.popleft())
            for task, outcome in pool.wait(also=[line]):
                line.send((task.point, pickle.dumps(outcome)))
            while line.poll():
                order = line.recv()
                if order is None:
                    return
                waiting.append(pickle.loads(order[1]))  # noqa: S301  # our sweep's


def _computed(task: Task, tell: Tell) -> Outcome:
    # The sweep knows what was measured; a node does not.
    return compute_point(task, BUILD, lambda *_: False, tell)


def main() -> None:
    """Refuse another environment than that of the sweep; serve."""
    refuse_other_toolchain(section())
    try:
        serve(Connection(int(sys.argv[4])), int(sys.argv[1]), float(sys.argv[2]))
    except EOFError:
        return  # the node is gone
    finally:
        shutil.rmtree(sys.argv[3], ignore_errors=True)


if __name__ == "__main__":
    run_and_exit(main)
