"""The distributed engine: points on the nodes of a Ray cluster.

Each node gets one actor, which keeps what points are made from in a folder by content, and runs a
process of its own there that forks for each point, as the local engine does: Ray's own processes
have threads, which do not survive a fork. A node that is lost costs what it was at.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Self

from litemill.core.errors import ConfigError, ErrorGroup, LitemillError, last_line
from litemill.sweep import node, shipment
from litemill.sweep.connection import connect
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from litemill.sweep.inputs import SweepInputs

BUSY = 20.0  # seconds that its nodes have to give us their processors
TRIES = 3  # nodes that a point may take along


@dataclass(eq=False)
class _Node:
    """A node of the cluster, seen from here."""

    name: str
    actor: Any
    slots: int
    at: list[Task] = field(default_factory=list)


class Cluster:
    """Computes tasks on a Ray cluster. Use as a context."""

    def __init__(
        self, given: SweepInputs, address: str, *, workers: int | None, seconds: float
    ) -> None:
        """Hold the artifacts, where the cluster is, and the bounds of each node."""
        self._given, self._address = given, address
        self._workers, self._seconds = workers, seconds
        self._nodes: list[_Node] = []
        self._connected = False
        self._again: deque[Task] = deque()  # tasks of lost nodes
        self._tries: Counter[str] = Counter()  # nodes that were lost at a point

    def __enter__(self) -> Self:
        """Begin; the cluster is connected to with the first tasks."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the nodes go; what they were at ends."""
        if not self._connected:
            return
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.get([one.actor.stop.remote() for one in self._nodes if not one.at], timeout=5)
        for one in self._nodes:
            ray.kill(one.actor)
        ray.shutdown()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Compute tasks, and give each outcome as soon as it is there.

        Raises:
            LitemillError: there is no cluster at the address, none of its nodes can compute, or
                no node is left.
        """
        import ray

        if not self._connected:
            connect(self._address)
            self._connected = True
            self._prepare()
        fresh = iter(tasks)
        at: dict[Any, tuple[_Node, Task]] = {}
        while self._give(fresh, at):
            ready, _ = ray.wait(list(at), num_returns=1, timeout=1.0)
            for reference in ready:
                one, task = at.pop(reference)
                one.at.remove(task)
                try:
                    yield task, pickle.loads(ray.get(reference))  # noqa: S301
                except ray.exceptions.RayError as error:
                    self._lose(one, error)
                    yield from self._tried(task)

    def _give(self, fresh: Iterator[Task], at: dict[Any, tuple[_Node, Task]]) -> bool:
        """Return tasks to nodes that are free, and tell whether any node is at one."""
        for one in self._nodes:
            while len(one.at) < one.slots and (task := self._next(fresh)):
                at[one.actor.compute.remote(task.point, pickle.dumps(task))] = (one, task)
                one.at.append(task)
        if not at and self._next(fresh):
            self._refuse_none()
        return bool(at)

    def _next(self, fresh: Iterator[Task]) -> Task | None:
        return self._again.popleft() if self._again else next(fresh, None)

    def _tried(self, task: Task) -> Iterator[tuple[Task, Outcome]]:
        """Have a task that took its node along tried by another one, or give up on it."""
        self._tries[task.point] += 1
        if self._tries[task.point] < TRIES:
            self._again.append(task)
        else:
            yield task, Outcome(error=f"{TRIES} nodes were lost while they were at it")

    def _lose(self, one: _Node, error: Exception) -> None:
        if one in self._nodes:
            self._nodes.remove(one)
            problem = f"sweep: node {one.name} is lost; its points go to others"
            # Of what Ray says, the last line is the node's own error where there is one.
            print(f"{problem} ({last_line(str(error)) or type(error).__name__})", file=sys.stderr)

    def _refuse_none(self) -> NoReturn:
        problem = "all nodes are lost"
        raise ConfigError(f"address={self._address}", problem, "finished points are kept")

    def _prepare(self) -> None:
        import ray

        self._nodes = list(self._actors())
        if not self._nodes:
            problem = "no node with a processor"
            raise ConfigError(f"address={self._address}", problem, "expected at least one")
        self._keep_ready()
        listed = shipment.files(self._given.build)
        shipment.ship(listed, self._nodes, self._ask, ray.put)
        self._start({name: digest for name, (_, digest) in listed.items()})
        if not self._nodes:
            self._refuse_none()

    def _keep_ready(self) -> None:
        """Wait until nodes have processors for us; those that have none yet are left alone."""
        import ray

        calls = {one.actor.missing.remote([]): one for one in self._nodes}
        ready: list[Any] = []
        while not ready:
            ready, busy = ray.wait(list(calls), num_returns=len(calls), timeout=BUSY)
            if busy:
                names = ", ".join(calls[one].name for one in busy)
                what = "the sweep begins without them" if ready else "waiting for them"
                problem = f"sweep: no free processors on {names}; {what}"
                print(problem, file=sys.stderr, flush=True)
        for one in busy:
            self._nodes.remove(calls[one])
            ray.kill(calls[one].actor)

    def _ask(
        self, nodes: Sequence[_Node], method: str, *arguments: Any, **named: Any
    ) -> Iterator[tuple[_Node, Any]]:
        """Call a method of several nodes at once; one that does not answer is lost."""
        import ray

        calls = [(one, getattr(one.actor, method).remote(*arguments, **named)) for one in nodes]
        for one, reference in calls:
            try:
                yield one, ray.get(reference)
            except ray.exceptions.RayError as error:
                self._lose(one, error)

    def _actors(self) -> Iterator[_Node]:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # By value: a node need not have this project, only its environment.
        ray.cloudpickle.register_pickle_by_value(node)
        for one in sorted(ray.nodes(), key=lambda node: str(node["NodeID"])):
            cores = int(one["Resources"].get("CPU", 0)) if one["Alive"] else 0
            if cores:
                slots = self._workers or cores
                there = NodeAffinitySchedulingStrategy(node_id=one["NodeID"], soft=False)
                wanted = {"num_cpus": min(slots, cores), "scheduling_strategy": there}
                # One more at a time: the node answers other calls while it computes.
                remote = ray.remote(node.Node).options(max_concurrency=slots + 1, **wanted)
                actor = remote.remote(slots, self._seconds)
                yield _Node(str(one["NodeManagerAddress"]), actor, slots)

    def _start(self, listed: dict[str, str]) -> None:
        wrong: list[LitemillError] = []
        for one, output in self._ask(self._nodes, "start", listed):
            lines = [line for line in output.splitlines() if line.strip()]
            wrong += [ConfigError(f"node {one.name}", line) for line in lines]
        if wrong:
            raise ErrorGroup(wrong)
