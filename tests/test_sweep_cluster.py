"""Sweeps on a real Ray cluster of two nodes, on this machine's loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: it is the extra `ray`")
pytestmark = pytest.mark.pipeline

LITEMILL = (sys.executable, "-m", "litemill")
GRID = ("base=int8", "optimization=int8,none", "calibration.samples=range(20,36)")
FILES = ("sweep.csv", "sweep.json", "sweep.parquet", "index.html")
# On loopback; Ray takes 127.0.0.1 for the address of its network.
# Two nodes of one processor each; says the address and the process of the second, and waits.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
quiet = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": "127.0.0.2"}
cluster = Cluster(initialize_head=True, head_node_args=quiet)
try:
    second = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.2")
    print(cluster.address, second.all_processes["raylet"][0].process.pid, flush=True)
    sys.stdin.read()
finally:
    cluster.shutdown()
"""


@pytest.fixture
def cluster(tmp_path):
    """Start a cluster; its address, and the process id of the second node."""
    # Names of sockets are short, and those of pytest's folders are not.
    folder = tempfile.mkdtemp(prefix="ray")
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder, "TMPDIR": folder}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env=env,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        address, pid = process.stdout.readline().split()
        yield address, int(pid)
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


def test_a_lost_node_costs_its_points_and_the_table_is_that_of_the_local_engine(
    first_build, tmp_path, cluster
):
    """Same points, same bytes, whichever machine they were made on."""
    address, second = cluster
    far = first_build.copy(tmp_path / "far")
    near = first_build.copy(tmp_path / "near")
    command = [*LITEMILL, "sweep", *GRID, "engine=ray", f"address={address}"]
    with far.start(*command) as process:
        while kept(far) < 4:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        for process_id in [second, *below(second)]:  # as if the machine were gone
            os.kill(process_id, signal.SIGKILL)
        out, err = process.communicate(timeout=90)
    assert 0 == process.returncode, out + err
    assert "sweep: node 127.0.0.2 is lost; its points go to others" in err
    assert "32 points of int8: 16 done, 1 cannot be expressed, 15 the same as others" in out

    assert 0 == near.run(*LITEMILL, "sweep", *GRID).status
    for name in FILES:
        path = f"build/sweeps/grid/{name}"
        assert (near.root / path).read_bytes() == (far.root / path).read_bytes()
