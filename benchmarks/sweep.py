"""What a sweep costs: `python -m benchmarks.sweep`, after `dvc repro export`.

64 points by the local engine, against the same conversions and measurements in a loop in one
process, each in a process of its own that imports TensorFlow itself. `--points 1000` runs a long
sweep instead: the cost of its last hundred points against its first hundred, and peak memory.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self

from benchmarks.timing import machine, table
from litemill.config.schema.variant import Optimization, Variant
from litemill.conversion import grid
from litemill.core.exit_status import run_and_exit
from litemill.sweep import points
from litemill.sweep.executor import Executor
from litemill.sweep.inputs import read_inputs
from litemill.sweep.local import Local
from litemill.sweep.store import Store
from litemill.sweep.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litemill.sweep.executor import PointResult
    from litemill.sweep.points import Point

BUILD = Path("build")
BASE = Variant(optimization=Optimization.int8)
HUNDRED = 100


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure the cost of sweeps.")
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--points", type=int, default=64, help="of the sweep (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    parser.add_argument(
        "--long", action="store_true", help="one long sweep, with no loop beside it"
    )
    parser.add_argument("--part", choices=("sweep", "loop"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        part = swept if arguments.part == "sweep" else looped
        print(json.dumps(part(chosen(arguments.points), arguments.workers)))
        return
    print(machine())
    if arguments.long or arguments.points > 2 * HUNDRED:
        long(chosen(arguments.points), arguments.workers)
    else:
        compare(arguments)


def chosen(count: int) -> list[Point]:
    """Return as many int8 points that differ in their calibration: conversions of the same cost."""
    words = [
        "calibration.samples=range(40,60)",
        "calibration.selection=random",
        "calibration.seed=range(0,50)",
    ]
    every = points.Space(BASE, grid.parse_grid(words, "grid"), lambda _: None).points()
    return list(itertools.islice(every, count))


def compare(arguments: argparse.Namespace) -> None:
    """Print seconds of sweep and loop, their ratio, and what a point costs beside its work."""
    seconds: dict[str, list[float]] = {"sweep": [], "loop": []}
    inner: list[float] = []
    for _ in range(arguments.runs):
        for name, spent in seconds.items():
            start = time.perf_counter()
            measured = _in_a_process(name, arguments)
            spent.append(time.perf_counter() - start)
            if name == "loop":
                inner.append(median(measured["each"]))
    print("\n".join(table(seconds, {"sweep": "loop"})))
    cores = arguments.workers or len(os.sched_getaffinity(0))
    # Processor time that a point takes in the sweep, beyond what it takes in the loop.
    walls = [one["seconds"] for one in _SWEPT]
    over = [wall * cores / arguments.points - each for wall, each in zip(walls, inner, strict=True)]
    print(f"\noverhead of a point, with {cores} workers: {median(over):.3f} s (all cores' time)")


_SWEPT: list[dict[str, Any]] = []


def _in_a_process(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sweep", "--part", name]
    command += ["--points", str(arguments.points)]
    command += ["--workers", str(arguments.workers)] if arguments.workers else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if name == "sweep":
        _SWEPT.append(measured)
    return measured


def swept(several: list[Point], workers: int | None) -> dict[str, Any]:
    """Sweep into an empty store; the seconds from the first result on, and when each came."""
    from litemill.sweep.pool_child import import_libraries

    import_libraries(BUILD)
    start = time.perf_counter()
    when = list(_course(several, workers))
    return {"seconds": time.perf_counter() - start, "when": when}


def looped(several: list[Point], _: int | None = None) -> dict[str, Any]:
    """Do the same in a loop in this process; the seconds of each point."""
    from litemill.sweep.job import compute_point
    from litemill.sweep.pool_child import import_libraries

    import_libraries(BUILD)
    each = []
    for point in several:
        start = time.perf_counter()
        outcome = compute_point(Task(point.name, point.variant), BUILD, lambda *_: False)
        assert outcome.error is None, outcome.error
        each.append(time.perf_counter() - start)
    return {"each": each}


def long(several: list[Point], workers: int | None) -> None:
    """Print what the last hundred points cost against the first hundred, and the memory."""
    from litemill.sweep.pool_child import import_libraries

    import_libraries(BUILD)
    with _Memory() as memory:
        start = time.perf_counter()
        when = list(_course(several, workers))
    first, last = when[HUNDRED - 1], when[-1] - when[-HUNDRED - 1]
    print(f"{len(several)} points in {time.perf_counter() - start:.1f} s")
    print(f"first hundred {first:.2f} s, last hundred {last:.2f} s, ratio {last / first:.3f}")
    print(f"peak memory of all processes: {memory.peak / 2**20:.0f} MiB (shared pages once)")


def _course(several: list[Point], workers: int | None) -> Iterator[float]:
    start, when = time.perf_counter(), list[float]()

    def tell(found: PointResult, _: bool) -> None:  # noqa: FBT001  # a callback
        assert found.error is None, found.error
        when.append(time.perf_counter() - start)

    given = read_inputs(BUILD)
    with tempfile.TemporaryDirectory() as folder:
        engine = Local(BUILD, lambda *_: False, workers=workers, seconds=600)
        with engine:
            Executor(given, Store(Path(folder)), engine, tell).over(several)
    yield from when


class _Memory:
    """Watches the memory of this process and its children: their proportional set sizes."""

    def __init__(self) -> None:
        self.peak = 0

    def __enter__(self) -> Self:
        # A process, not a thread: this one forks.
        self._pipe = os.pipe()
        self._watcher = os.fork()
        if self._watcher == 0:
            self._watch(os.getppid())
        os.close(self._pipe[1])
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._watcher, 15)
        with os.fdopen(self._pipe[0]) as answers:
            self.peak = int((answers.read().split() or ["0"])[-1])
        os.waitpid(self._watcher, 0)

    def _watch(self, parent: int) -> None:
        os.close(self._pipe[0])
        while True:
            listed = Path(f"/proc/{parent}/task/{parent}/children")
            try:
                family = [parent, *map(int, listed.read_text().split())]
                held = sum(map(_proportional, family))
                if held > self.peak:
                    self.peak = held
                    os.write(self._pipe[1], f"{held} ".encode())
            except OSError:
                pass
            time.sleep(0.5)


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # it ended meanwhile
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    run_and_exit(main)
