"""Where the worker of this project, toolchain and environment listens."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

from litemill.core.files import sha256

# What libraries read while they are loaded; a worker that was started with others is another one.
LOADED = (
    "AUTOGRAPH", "CUDA", "DNNL", "GLIBC", "HOME", "KERAS", "LANG", "LC_", "LD_", "MALLOC", "MKL",
    "NPY", "OMP", "ONEDNN", "OPENBLAS", "PROTOCOL_BUFFERS", "PYTHON", "TF", "TZ", "VIRTUAL_ENV",
    "XLA",
)  # fmt: skip


def socket_path() -> Path:
    """Give the path of the socket, in a folder that is this user's alone.

    Raises:
        OSError: the folder is another's, or cannot be made; no TensorFlow is installed.
    """
    folder = Path(tempfile.gettempdir()) / f"litemill-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} is not this user's alone")
    return folder / f"{_key()}.sock"


def _key() -> str:
    found = PathFinder.find_spec("tensorflow")  # imports nothing, as telling its version would
    if found is None or found.origin is None:
        raise FileNotFoundError("no TensorFlow is installed")
    installed = Path(found.origin).parents[1]
    known = {
        "project": str(Path.cwd().resolve()),
        "python": sys.executable,
        "tensorflow": str(installed),
        "environment": installed.stat().st_mtime_ns,  # of site-packages: installing changes it
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(LOADED)},
        # A worker that was started by other code may expect other requests.
        "worker": [sha256(file) for file in sorted(Path(__file__).parent.glob("*.py"))],
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]
