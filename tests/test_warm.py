"""The worker that has TensorFlow already: invisible, and the same as without it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages import warm

IDLE = "6"
CALL = "import sys; from stages import warm; sys.exit(warm.run('probe', {}))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder whose modules a worker runs; the worker starts with the first test."""
    return tmp_path_factory.mktemp("warm")


@pytest.fixture
def probe(folder):
    """Give a function that writes the module `probe` and starts a caller of it."""
    environment = {**os.environ, "TMPDIR": str(folder), warm.IDLE: IDLE}
    environment.pop(warm.SWITCH, None)

    def start(code, *arguments, **variables):
        (folder / "probe.py").write_text(code)
        return subprocess.Popen(
            [sys.executable, "-c", CALL, *arguments],
            cwd=folder,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def workers(folder):
    """List the sockets of the workers that are there."""
    return list((folder / f"litemill-{os.getuid()}").glob("*.sock"))


def ended(pid):
    """Tell whether a process is gone, within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_worker_has_tensorflow_before_the_stage_begins(probe):
    """Otherwise nothing is gained."""
    out, err = probe("import sys; print('tensorflow' in sys.modules)").communicate(timeout=60)
    assert (out, err) == ("True\n", "")


def test_worker_passes_streams_arguments_and_exit_status(probe):
    """What a process of its own would have given."""
    code = """
import sys
print("out", sys.argv[1:], sys.stdin.read())
print("err", file=sys.stderr)
sys.exit(7)
"""
    child = probe(code, "int8")
    out, err = child.communicate("in", timeout=60)
    assert (out, err, child.returncode) == ("out ['int8'] in\n", "err\n", 7)


def test_worker_shows_a_traceback_and_fails(probe):
    """A bug in a stage looks as it always does."""
    child = probe("1 / 0")
    _, err = child.communicate(timeout=60)
    assert "ZeroDivisionError" in err
    assert child.returncode == 1


def test_worker_runs_edited_code(probe):
    """Every job is a fresh fork of a process that knows nothing of the project."""
    first, _ = probe("print(1)").communicate(timeout=60)
    second, _ = probe("print(2)").communicate(timeout=60)
    assert (first, second) == ("1\n", "2\n")


def test_worker_takes_over_environment_umask_and_limits(probe):
    """They belong to the caller."""
    code = """
import os, resource
mask = os.umask(0)
print(os.environ["COLOUR"], oct(mask), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    import resource

    before, mask = resource.getrlimit(resource.RLIMIT_NOFILE), os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    try:
        child = probe(code, COLOUR="blue")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        os.umask(mask)
    assert child.communicate(timeout=60)[0] == "blue 0o27 200\n"


def test_worker_ends_the_stage_of_a_caller_that_was_killed(probe):
    """A killed build leaves nothing running."""
    child = probe("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
    pid = int(child.stdout.readline())
    child.kill()
    child.communicate()
    assert ended(pid)


def test_interrupt_reaches_the_stage(probe):
    """Ctrl-C goes to the caller; the stage decides what it means."""
    code = """
import time
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    raise SystemExit(130)
"""
    child = probe(code)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=10)
    assert child.returncode == 130


def test_stage_that_dies_of_a_signal_fails(probe):
    """With the status that a shell gives."""
    child = probe("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGKILL


def test_worker_holds_no_stream_of_its_caller(probe, folder):
    """A caller of a caller that waits for the end of its output need not wait for the worker."""
    out, _ = probe("print('done')").communicate(timeout=60)
    assert out == "done\n"
    assert workers(folder)


def test_other_environment_is_another_worker(probe, folder):
    """What libraries read while they are loaded cannot be changed afterwards."""
    before = set(workers(folder))
    probe("pass", TF_OF_THIS_TEST="1").communicate(timeout=60)
    assert len(set(workers(folder)) - before) == 1


def test_worker_is_switched_off(probe):
    """LITEMILL_WORKER=0: nothing is run, and the stage runs itself."""
    child = probe("print('never')", LITEMILL_WORKER="0")
    out, _ = child.communicate(timeout=60)
    assert (out, child.returncode) == ("", 0)


def test_folder_of_another_kind_is_refused(tmp_path, monkeypatch):
    """Whoever can write to the socket's folder could run code as this user."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / f"litemill-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert warm.run("probe", {}) is None
    assert list(folder.iterdir()) == []


def test_worker_ends_when_nobody_asks(probe, folder):
    """By itself, and its sockets are gone."""
    probe("pass").communicate(timeout=60)
    until = time.monotonic() + 30
    while workers(folder) and time.monotonic() < until:
        time.sleep(0.2)
    assert workers(folder) == []


def test_garbage_on_the_socket_does_no_harm(probe, folder):
    """A caller that speaks otherwise is sent away; the next one is served."""
    assert probe("print(1)").communicate(timeout=60)[0] == "1\n"
    for path in workers(folder):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(b"garbage")
    assert probe("print(2)").communicate(timeout=60)[0] == "2\n"
    assert Path(folder).exists()
