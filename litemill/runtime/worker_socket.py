"""Where the worker of this project, toolchain and environment listens."""

from __future__ import annotations

import os
import resource
import stat
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

from litemill.core.files import json_sha256, sha256

# What libraries read while they are loaded; a worker that was started with others is another one.
LOADED = (
    "AUTOGRAPH", "CUDA", "DNNL", "GLIBC", "HOME", "KERAS", "LANG", "LC_", "LD_", "MALLOC", "MKL",
    "NPY", "OMP", "ONEDNN", "OPENBLAS", "PROTOCOL_BUFFERS", "PYTHON", "TF", "TZ", "VIRTUAL_ENV",
    "XLA",
)  # fmt: skip


def socket_path() -> Path:
    """Return the path of the socket, in a folder that is this user's alone.

    Raises:
        OSError: the folder is another's, or cannot be made; no TensorFlow is installed.
    """
    folder = Path(tempfile.gettempdir()) / f"litemill-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not ours or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder / f"{_key()}.sock"


def limits() -> list[tuple[int, tuple[int, int]]]:
    """List this process's limits of resources: number, and the soft and the hard value."""
    numbers = {value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    return [(number, resource.getrlimit(number)) for number in sorted(numbers)]


def _key() -> str:
    spec = PathFinder.find_spec("tensorflow")  # imports nothing, as reading its version would
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no TensorFlow is installed")
    installed = Path(spec.origin).parents[1]
    key = {
        "project": str(Path.cwd().resolve()),
        "python": sys.executable,
        "tensorflow": str(installed),
        "environment": installed.stat().st_mtime_ns,  # of site-packages: installing changes it
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(LOADED)},
        # A hard limit that was lowered cannot be raised again; soft ones are set for each stage.
        "limits": [(number, hard) for number, (_, hard) in limits()],
        # A worker that was started by other code may expect other requests.
        "worker": [sha256(file) for file in sorted(Path(__file__).parent.glob("*.py"))],
    }
    return json_sha256(key)[:24]
