"""The worker that has TensorFlow already: invisible, and the same as without it."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import importing
import pytest

from litemill.core.files import sha256
from litemill.runtime import worker_client, worker_socket

IDLE = "6"
# A platform whose Python cannot hand over descriptors.
ELSEWHERE = """
import runpy, socket, sys
del socket.send_fds
runpy.run_module("stages.export", run_name="__main__", alter_sys=True)
"""
CALL = """
import sys
from litemill.runtime import worker_client
sys.exit(worker_client.run_in_worker("probe", {}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder whose modules a worker runs; the worker starts with the first test."""
    return tmp_path_factory.mktemp("warm")


@pytest.fixture
def environment(folder):
    """Return the variables that callers and the worker are started with."""
    dropped = {worker_client.SWITCH, "CI"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "TMPDIR": str(folder), worker_client.IDLE: IDLE}


@pytest.fixture
def probe(folder, environment):
    """Return a function that writes the module `probe` and starts a caller of it."""

    def start(code, *arguments, through=(), **variables):
        (folder / "probe.py").write_text(code)
        return subprocess.Popen(
            [*through, sys.executable, "-c", CALL, *arguments],
            cwd=folder,
            env=environment | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def worker(probe):
    """Return the process id of the worker, which is there: the parent of a stage."""
    out, _ = probe("import os; print(os.getppid())").communicate(timeout=60)
    return int(out)


def workers(folder):
    """List the sockets of the workers that are there."""
    return list((folder / f"litemill-{os.getuid()}").glob("*.sock"))


def socket_of(folder, pid):
    """Return the socket of the worker with that process id."""
    locks = (folder / f"litemill-{os.getuid()}").glob("*.lock")
    return next(lock for lock in locks if lock.read_text() == f"{pid}\n").with_suffix(".sock")


def ended(pid):
    """Return whether a process is gone or a zombie, within five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def at_end(stream):
    """Return whether nobody can write to a pipe any more, within five seconds."""
    return bool(select.select([stream], [], [], 5)[0]) and os.read(stream, 1) == b""


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


def test_worker_shows_what_a_stage_says_at_its_exit(probe):
    """`sys.exit` with a text is a failure of that text."""
    child = probe("import sys; sys.exit('no such thing')")
    assert child.communicate(timeout=60)[1] == "no such thing\n"
    assert child.returncode == 1


def test_output_that_cannot_be_written_is_a_failure(probe):
    """Its last part is written when the stage is over."""
    child = probe("import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('lost')")
    child.communicate(timeout=60)
    assert child.returncode == 120


def test_request_of_any_size_is_read(probe, worker):
    """With the variables of a large environment, more than a socket takes at once."""
    large = {"LARGE": "x" * 100_000, "MORE": '"' * 100_000, "MOST": "\\" * 100_000}
    code = "import os; print(os.getppid(), *(len(os.environ[n]) for n in ('LARGE', 'MOST')))"
    out, err = probe(code, **large).communicate(timeout=60)
    assert (f"{worker} 100000 100000\n", "") == (out, err)


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


def test_worker_that_is_killed_takes_its_stages_along_and_says_so(probe, worker):
    """Out of memory, for example; with what the stages started, such as tflite_convert."""
    code = """
import os, subprocess
program = subprocess.Popen(["sleep", "60"])
print(os.getppid(), os.getpid(), program.pid, flush=True)
program.wait()
"""
    callers = [probe(code), probe(code)]
    told = [[int(pid) for pid in caller.stdout.readline().split()] for caller in callers]
    os.kill(worker, signal.SIGKILL)
    for caller, (parent, *running) in zip(callers, told, strict=True):
        assert worker == parent
        assert f"{worker_client.GONE}\n" == caller.communicate(timeout=10)[1]
        assert caller.returncode == 1
        assert all(ended(pid) for pid in running)


def test_worker_that_is_killed_with_its_caller_takes_its_stage_along(probe, worker):
    """Nobody is left who could end it."""
    child = probe("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
    stage = int(child.stdout.readline())
    child.send_signal(signal.SIGSTOP)  # so that it cannot do what the worker should
    os.kill(worker, signal.SIGKILL)
    assert ended(stage)
    child.kill()
    child.communicate()


@contextlib.contextmanager
def no_free_descriptor(pid):
    """Let a process open nothing more."""
    opened = {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()}
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = min(set(range(len(opened) + 1)) - opened)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_worker_without_a_free_descriptor_keeps_its_stages(probe, worker):
    """Callers wait until a stage ends; where none is running, they run theirs themselves."""
    first = probe("print('ready', flush=True)\nprint(input(), flush=True)")
    first.stdout.readline()
    with no_free_descriptor(worker):
        second = probe("import os; print(os.getppid())")
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.wait(1)
    assert ("done\n", "") == first.communicate("done", timeout=10)
    assert (f"{worker}\n", "") == second.communicate(timeout=10)

    with no_free_descriptor(worker):
        third = probe("print('never')")
        assert ("", "") == third.communicate(timeout=10)
    assert third.returncode == 0
    assert ended(worker)


def test_worker_that_cannot_fork_lets_callers_run_their_stages(tmp_path):
    """And holds nothing of theirs. The limit is the system's own, on a user that has no rights."""
    code = """
import os, resource, socket, sys
from litemill.runtime import worker_server
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
here, there = socket.socketpair()
ours, theirs = os.pipe()
socket.send_fds(here, [b" "], [theirs] * 3)
here.sendall(b"{}\\n")
os.close(theirs)
one = worker_server._Worker(listener, sys.stdin)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
os.setuid(65533)
print(one._started(there), os.read(ours, 1))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "socket")],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert ("None b''\n", "") == (ran.stdout, ran.stderr)


def test_stage_holds_nothing_of_the_worker(probe):
    """No socket, above all: who waits at its other end must see that the worker is gone."""
    waiting = probe("print('ready', flush=True)\ninput()")
    waiting.stdout.readline()
    code = """
import os
names = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
opened = [os.readlink(name) for name in names if os.path.lexists(name)]
print(*[name for name in opened if name.startswith("socket:") or name.endswith(".lock")])
"""
    assert ("\n", "") == probe(code).communicate(timeout=60)
    waiting.communicate("")


def test_interrupt_while_the_worker_starts_is_kept_for_the_stage(probe):
    """Ctrl-C in the seconds that TensorFlow needs ends the stage before it does anything."""
    child = probe("print('ran')", TF_OF_THIS_TEST="interrupted")
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert out == ""
    assert child.returncode in (130, -signal.SIGINT)  # the latter before it had asked


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


def test_interrupt_that_the_caller_ignores_does_not_reach_the_stage(probe):
    """Such as a build in the background of a script, which Ctrl-C is not for."""
    ignoring = ["env", "--ignore-signal=INT"]
    child = probe("print('ready', flush=True)\nprint(input())", through=ignoring)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    assert ("done\n", "", 0) == (*child.communicate("done", timeout=10), child.returncode)


def test_interrupt_that_no_stage_took_is_the_callers(folder, environment):
    """Where the worker goes away before it begins the stage, the caller must not run it either."""
    known = environment | {"TF_OF_THIS_TEST": "nobody"}
    where = "from litemill.runtime import worker_socket as s; print(s.socket_path())"
    path = subprocess.run(
        [sys.executable, "-c", where],
        cwd=folder,
        env=known,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        caller = subprocess.Popen(
            [sys.executable, "-c", CALL], cwd=folder, env=known, stderr=subprocess.PIPE
        )
        worker, _ = listener.accept()
        with worker, worker.makefile("rb") as said:
            said.readline()
            caller.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in caller.communicate(timeout=10)[1]
    Path(path).unlink()
    assert caller.returncode == -signal.SIGINT


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


def test_worker_holds_no_file_and_no_folder_of_its_caller(worker, folder):
    """Its own socket and lock are all that it has open below the project's folder."""
    assert str(Path(f"/proc/{worker}/cwd").readlink()) == "/"
    opened = {os.readlink(one) for one in Path(f"/proc/{worker}/fd").iterdir()}  # noqa: PTH115
    own = {str(socket_of(folder, worker).with_suffix(".lock"))}
    assert own == {name for name in opened if name.startswith(str(folder))}
    streams = [str(Path(f"/proc/{worker}/fd/{stream}").readlink()) for stream in (0, 1, 2)]
    assert [os.devnull] * 3 == streams


def test_other_project_and_other_toolchain_are_other_workers(tmp_path, monkeypatch):
    """What one of them has imported is not what another one would."""
    keys = [worker_socket.socket_path().name]
    site = tmp_path / "site"
    (site / "tensorflow").mkdir(parents=True)
    (site / "tensorflow" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    keys.append(worker_socket.socket_path().name)  # another project
    monkeypatch.syspath_prepend(site)
    keys.append(worker_socket.socket_path().name)  # another TensorFlow
    os.utime(site, (1, 1))
    keys.append(worker_socket.socket_path().name)  # something else was installed
    assert len(set(keys)) == 4
    assert worker_socket.socket_path().name == keys[-1]


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, "30"),
        ({"CI": "false"}, "30"),
        ({"CI": "true"}, "5"),
        ({"CI": "true", worker_client.IDLE: "9"}, "9"),
    ],
)
def test_worker_is_not_left_behind_by_a_job_of_continuous_integration(
    environment, tmp_path, variables, seconds
):
    """It waits five seconds instead of thirty there; a variable says otherwise."""
    known = {**environment, "TMPDIR": str(tmp_path)}
    del known[worker_client.IDLE]
    start = [
        sys.executable,
        "-c",
        "from litemill.runtime import worker_client as w; w.start_worker({})",
    ]
    subprocess.run(start, cwd=tmp_path, env=known | variables, check=True)
    folder = tmp_path / f"litemill-{os.getuid()}"
    until = time.monotonic() + 20
    while not (found := [lock.read_text() for lock in folder.glob("*.lock")]) or not found[0]:
        assert time.monotonic() < until
        time.sleep(0.05)
    pid = int(found[0])
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    os.kill(pid, signal.SIGTERM)
    assert command[-2] == seconds.encode()
    assert ended(pid)


def test_worker_works_below_any_temporary_folder(probe, tmp_path):
    """A path may be longer than the address of a socket."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    child = probe("import sys; print('tensorflow' in sys.modules)", TMPDIR=str(folder))
    assert ("True\n", "") == child.communicate(timeout=60)


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
    assert worker_client.run_in_worker("probe", {}) is None
    assert list(folder.iterdir()) == []


def test_worker_ends_when_nobody_asks(probe, folder):
    """By itself, and its sockets are gone."""
    probe("pass").communicate(timeout=60)
    until = time.monotonic() + 30
    while workers(folder) and time.monotonic() < until:
        time.sleep(0.2)
    assert workers(folder) == []


def test_worker_refuses_other_users(probe, worker, folder):
    """Their connection is closed, should they ever reach the socket; its folder forbids that."""
    path = socket_of(folder, worker)
    connect = """
import os, socket, sys
os.chdir(sys.argv[1])  # the folders above are not theirs either
os.setuid(int(sys.argv[3]))
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(sys.argv[2])
    caller.settimeout(5)
    try:
        socket.send_fds(caller, [b" "], [0, 1, 2])
        caller.sendall(b'{"module": "nobody"}\\n')
        print("answered" if caller.recv(1) else "closed")
    except ConnectionError:
        print("closed")
"""

    def tried(user):
        command = [sys.executable, "-c", connect, str(path.parent), path.name, str(user)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "PermissionError" in tried(65534).stderr
    path.parent.chmod(0o711)
    path.chmod(0o666)
    try:
        assert ("closed\n", "") == (tried(65534).stdout, tried(65534).stderr)
        assert "answered\n" == tried(0).stdout
    finally:
        path.parent.chmod(0o700)
    assert probe("import os; print(os.getppid())").communicate(timeout=60)[0] == f"{worker}\n"


def test_garbage_with_streams_is_let_go(worker, folder):
    """Whoever waits for the end of such a stream need not wait for the worker."""
    ours, theirs = os.pipe()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(socket_of(folder, worker)))
        socket.send_fds(caller, [b"garbage\n"], [theirs, theirs, theirs])
        os.close(theirs)
        caller.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert caller.recv(1) == b""
    assert at_end(ours)
    os.close(ours)


def test_garbage_on_the_socket_does_no_harm(probe, folder):
    """A caller that speaks otherwise is sent away; the next one is served."""
    assert probe("print(1)").communicate(timeout=60)[0] == "1\n"
    for path in workers(folder):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(b"garbage")
    assert probe("print(2)").communicate(timeout=60)[0] == "2\n"
    assert Path(folder).exists()


@pytest.mark.pipeline
def test_build_imports_tensorflow_once(first_build):
    """In the worker; the processes of the stages start without it."""
    imports = importing.found(first_build.root.parent / "importing")
    assert len(imports) == 1, imports
    assert " -m litemill.runtime.worker_server " in imports[0]


@pytest.mark.pipeline
def test_stage_without_the_worker_gives_the_same_bytes(release):
    """That of the build were made in it."""
    model = release.root / "build/convert/int8/model.tflite"
    before = sha256(model)
    model.unlink()
    folder = release.root.parent / "importing"
    release.env |= importing.recorded(folder)
    release.env["LITEMILL_WORKER"] = "0"

    ran = release.stage("convert", "int8")

    assert (0, before) == (ran.status, sha256(model))
    assert ["-m stages.convert int8" in told for told in importing.found(folder)] == [True]


@pytest.mark.pipeline
def test_stage_runs_where_the_platform_has_no_worker(release):
    """In its own process, with the same result."""
    before = release.built()
    release.run("rm", "-r", "build/export/saved_model", "build/export/reference")
    folder = release.root.parent / "importing"
    release.env |= importing.recorded(folder)

    ran = release.run(sys.executable, "-c", ELSEWHERE)

    assert (0, before) == (ran.status, release.built()), ran.err
    assert [" -m litemill.runtime.worker_server " in told for told in importing.found(folder)] == [
        False
    ]


AUTOGRAPH = """
import tensorflow as tf

@tf.function
def double(x):
    if x > 0:
        x = x + x
    return x

print(float(double(tf.constant(2.0))))
"""


def test_stage_leaves_no_generated_code_in_the_temporary_folder(probe, folder):
    """AutoGraph writes a file for each function that it translates."""
    out, err = probe(AUTOGRAPH).communicate(timeout=120)

    assert "4.0\n" == out, err
    assert [] == list(folder.glob("__autograph_generated_file*"))


def test_stage_that_cannot_be_set_up_in_the_worker_is_left_to_its_caller(probe, worker):
    """A child that cannot do as the caller's process would have done says nothing at all."""
    code = """
import sys
from litemill.runtime import worker_client
request = worker_client._request
worker_client._request = lambda module: request(module) | {"processors": [100_000]}
print(worker_client.run_in_worker("probe", {}))
"""
    child = probe("print('never')", through=[sys.executable, "-c", code])
    assert ("None\n", "") == child.communicate(timeout=60)
    assert f"{worker}\n" == probe("import os; print(os.getppid())").communicate(timeout=60)[0]


def test_hard_limits_are_those_of_another_worker(probe, folder, environment):
    """A shell with a lower one does not break the builds of other shells, nor they its own."""
    limited = ["sh", "-c", 'ulimit -n 1000; exec "$@"', "sh"]
    where = "from litemill.runtime import worker_socket as s; print(s.socket_path())"

    def address(*through):
        command = [*through, sys.executable, "-c", where]
        return subprocess.check_output(command, cwd=folder, env=environment, text=True)

    assert address() == address()
    assert address() != address(*limited)
    assert address() == address("sh", "-c", 'ulimit -S -n 1000; exec "$@"', "sh")  # set anew

    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    assert ("(1000, 1000)\n", "") == probe(code, through=limited).communicate(timeout=120)
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert (f"{own}\n", "") == probe(code).communicate(timeout=120)


SQUATTER = """
import os, pathlib, socket, sys
from litemill.runtime import unix_socket
path = pathlib.Path(sys.argv[1])
listener = socket.socket(socket.AF_UNIX)
with unix_socket.short_address(path) as address:  # the temporary folders of tests may be deep
    listener.bind(address)
os.chmod(path, 0o777)
os.setuid(65534)
listener.listen()
print("ready", flush=True)
listener.settimeout(20)
caller, _ = listener.accept()
print(repr(caller.recv(100)), flush=True)
"""


def test_address_that_another_user_took_is_not_spoken_to(tmp_path, monkeypatch):
    """Even where the folder is ours: whoever answers must be this user."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = worker_socket.socket_path()
    command = [sys.executable, "-c", SQUATTER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as squatter:
        assert "ready\n" == squatter.stdout.readline()
        assert worker_client.run_in_worker("probe", {}) is None
        assert "b''\n" == squatter.stdout.readline()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_folder_that_another_user_made_is_refused(tmp_path, monkeypatch, kind):
    """Of the name that ours would have; also as a link to one that is ours."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o700)
    tmp_path.chmod(0o777)
    name = tmp_path / f"litemill-{os.getuid()}"
    make = "os.mkdir(sys.argv[1], 0o700)" if kind == "folder" else "os.symlink('ours', sys.argv[1])"
    code = f"import os, sys; os.chdir({str(tmp_path)!r}); os.setuid(65534); {make}"
    subprocess.run([sys.executable, "-c", code, name.name], check=True)

    with pytest.raises(PermissionError, match="not this user's alone"):
        worker_socket.socket_path()
    assert worker_client.run_in_worker("probe", {}) is None
    assert [] == list(ours.iterdir())
