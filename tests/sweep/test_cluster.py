"""Sweeps on a real Ray cluster of two nodes, on this machine's loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from litemill.core.files import sha256

pytestmark = pytest.mark.pipeline

LITEMILL = (sys.executable, "-m", "litemill")
GRID = ("base=int8", "optimization=int8,none", "calibration.samples=range(20,36)")
FILES = ("sweep.csv", "sweep.json", "sweep.parquet", "index.html")
# On loopback; Ray takes 127.0.0.1 for the address of its network.
HOST = "127.0.0.2"
# Two nodes of one processor each; says the addresses of the cluster and of its server for
# clients, and the process of the second node, and waits. Without Ray, which is locked, it fails.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
host, port = sys.argv[1:]
quiet = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": host}
server = {"ray_client_server_port": int(port)}
cluster = Cluster(initialize_head=True, head_node_args=quiet | server)
try:
    second = cluster.add_node(num_cpus=1, node_ip_address=host)
    raylet = second.all_processes["raylet"][0].process.pid
    print(cluster.address, f"ray://{host}:{port}", raylet, flush=True)
    sys.stdin.read()
finally:
    cluster.shutdown()
"""


class Started(NamedTuple):
    """A cluster: its addresses, the process of its second node, and the folder of its files."""

    address: str
    client: str
    second: int
    folder: Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a cluster; the last test takes a node from it."""
    # Names of sockets are short, and those of pytest's folders are not.
    folder = tempfile.mkdtemp(prefix="ray")
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder, "TMPDIR": folder}
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER, HOST, str(port)],
        env=env,
        cwd=tmp_path_factory.mktemp("cluster"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        address, client, pid = line.split()
        yield Started(address, client, int(pid), Path(folder))
        process.stdin.close()
        process.wait(60)
    shutil.rmtree(folder)


def below(pid):
    """List the processes that a process started, and those that they did."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, listed) for one in (child, *below(child))]


def kept(project):
    """Count the files that are kept."""
    return len(list((project.root / "build/.sweep/files").rglob("*.json")))


@pytest.mark.slow
def test_a_cluster_is_reached_as_a_client_too(first_build, tmp_path, cluster):
    """By `ray://HOST:PORT`, where this machine is no part of its network."""
    project = first_build.copy(tmp_path)
    words = ("base=int8", "calibration.samples=100", "engine=ray", f"address={cluster.client}")
    done = project.run(*LITEMILL, "sweep", *words)
    assert 0 == done.status, done.out + done.err
    (row,) = json.loads(project.read("build/sweeps/grid/sweep.json"))["points"]
    assert sha256(project.root / "build/convert/int8/model.tflite") == row["sha256"]


# Takes the processor of the second node, says so, and waits.
BUSY = """
import sys, ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as There
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
@ray.remote(num_cpus=1)
class Busy:
    def there(self):
        return True
(node,) = [n["NodeID"] for n in ray.nodes() if "node:__internal_head__" not in n["Resources"]]
busy = Busy.options(scheduling_strategy=There(node, soft=False)).remote()
print(ray.get(busy.there.remote()), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_nodes_that_cannot_begin_are_told_in_one_line_and_do_not_hold_up_others(
    first_build, tmp_path, cluster
):
    """Where none can begin, the sweep ends."""
    address, _, _, folder = cluster
    project = first_build.copy(tmp_path)
    command = [*LITEMILL, "sweep", "base=int8", "engine=ray", f"address={address}"]
    home = folder / f"litemill-sweep-{os.getuid()}"
    home.mkdir(exist_ok=True)
    home.chmod(0o777)
    done = project.run(*command, "batch=2")
    lost = (
        f"sweep: node 127.0.0.2 is lost; its points go to others (PermissionError: {home}: others"
    )
    assert (1, 3) == (done.status, len(done.err.splitlines())), done.err
    assert [True, True] == [line.startswith(lost) for line in done.err.splitlines()[:2]]
    told = f"address={address}: all nodes are lost; finished points are kept"
    assert told == done.err.splitlines()[2]

    home.chmod(0o700)
    script = [sys.executable, "-c", BUSY, address]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as busy:
        assert b"True\n" == busy.stdout.readline()
        done = project.run(*command, "batch=2")
        busy.stdin.close()
    assert 0 == done.status, done.err
    told = "sweep: no free processors on 127.0.0.2; the sweep begins without them\n"
    assert done.err.startswith(told)


SCORE = """
from litemill.metrics import top1
def score(answer, target):
    return top1(answer, target)
"""


def copied(first_build, folder):
    """Return a copy of the build whose score lies among the project's models."""
    project = first_build.copy(folder)
    project.write("models/scores/__init__.py", SCORE)
    project.edit("build/params.json", '"litemill.metrics.top1"', '"models.scores.score"')
    return project


def test_a_lost_node_costs_its_points_and_the_table_is_that_of_the_local_engine(
    first_build, tmp_path, cluster
):
    """Same points, same bytes, whichever machine they were made on."""
    address, _, second, _ = cluster
    far, near = (copied(first_build, tmp_path / name) for name in ("far", "near"))
    command = [*LITEMILL, "sweep", *GRID, "engine=ray", f"address={address}"]
    with far.start(*command) as process:
        while kept(far) < 4:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        for process_id in [second, *below(second)]:  # as if the machine were gone
            os.kill(process_id, signal.SIGKILL)
        out, err = process.communicate(timeout=90)
    assert 0 == process.returncode, out + err
    assert f"sweep: node {HOST} is lost; its points go to others" in err
    assert "32 points of int8: 16 done, 1 unsupported, 15 the same as others" in out

    assert 0 == near.run(*LITEMILL, "sweep", *GRID).status
    for name in FILES:
        path = f"build/sweeps/grid/{name}"
        assert (near.root / path).read_bytes() == (far.root / path).read_bytes()
