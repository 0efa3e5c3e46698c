"""What runs on a node of a Ray cluster; sent there by value, so that it imports nothing of ours."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any


class Node:
    """Keeps files by content below the temporary folder, and a process that computes points."""

    def __init__(self, workers: int, seconds: float) -> None:
        """Hold the folder of this user's files, and the bounds of the process.

        Raises:
            PermissionError: others can write to that folder.
        """
        self._bounds = str(workers), str(seconds)
        self._home = Path(tempfile.gettempdir()) / f"litemill-sweep-{os.getuid()}"
        self._home.mkdir(mode=0o700, exist_ok=True)
        found = self._home.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not ours or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(
                f"{self._home}: others can write there; expected a folder of ours"
            )
        (self._home / "files").mkdir(mode=0o700, exist_ok=True)
        self._receiving: dict[str, tuple[Path, Any]] = {}  # by digest: the file, and its hash
        self._process: Any = None
        self._line: Any = None  # to the process
        self._answers: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()

    def missing(self, digests: list[str]) -> list[str]:
        """Name the files that are not here."""
        return [one for one in digests if not (self._home / "files" / one).exists()]

    def receive(self, digest: str, block: bytes, *, last: bool) -> None:
        """Append a block to a file; the last one completes it.

        Raises:
            ValueError: the blocks are not the file of that SHA-256; it is not kept.
        """
        if digest not in self._receiving:
            handle, name = tempfile.mkstemp(".new", dir=self._home / "files")
            os.close(handle)
            self._receiving[digest] = Path(name), hashlib.sha256()
        fresh, hashed = self._receiving[digest]
        with fresh.open("ab") as file:
            file.write(block)
        hashed.update(block)
        if not last:
            return
        del self._receiving[digest]
        if hashed.hexdigest() != digest:
            fresh.unlink()
            raise ValueError(f"{digest}: found a file of {hashed.hexdigest()}")
        fresh.chmod(0o400)  # it is linked to wherever it is needed
        fresh.replace(self._home / "files" / digest)

    def start(self, listed: dict[str, str]) -> str:
        """Lay out files by name, and start the process; what is wrong with it, or nothing."""
        root = Path(tempfile.mkdtemp(dir=self._home))  # the process removes it
        for name, digest in listed.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).hardlink_to(self._home / "files" / digest)
        said = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        self._line, there = Pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "litemill.sweep.serve",
                *self._bounds,
                root,
                str(there.fileno()),
            ],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=[there.fileno()],
        )
        there.close()
        try:
            self._line.recv()  # that it is ready
        except EOFError:
            self._process.wait()
            said.seek(0)
            return said.read().decode("utf-8", "replace") or "the process for points did not start"
        threading.Thread(target=self._listen, daemon=True).start()
        return ""

    def compute(self, point: str, order: bytes) -> bytes:
        """Hand an order to the process, and give its answer."""
        answer: Future[bytes] = Future()
        with self._lock:
            self._answers[point] = answer
            self._line.send((point, order))
        return answer.result()

    def stop(self) -> None:
        """End the process, which removes its folder."""
        self._line.send(None)
        self._process.wait(5)

    def _listen(self) -> None:
        with suppress(EOFError, ConnectionError):
            while True:
                point, answer = self._line.recv()
                self._answers.pop(point).set_result(answer)
        if self._answers:  # the process is gone with what is waited for, and so is this node
            os._exit(1)
