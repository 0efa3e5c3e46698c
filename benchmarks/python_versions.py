"""Build a new project on each Python that is found, and compare its .tflite files (`make smoke`).

    python -m benchmarks.python_versions [--epochs 1]

Each Python gets a project of `litemill init` and an environment from its lock, in a temporary
folder. Exit status: 0 the same bytes, 1 not, 2 a build failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from litemill.core.files import sha256

VERSIONS = ("3.11", "3.12", "3.13")


def pythons() -> list[str]:
    """List the supported Pythons in PATH that start."""
    names = [f"python{version}" for version in VERSIONS]
    return [name for name in names if _starts(name)]


def build(python: str, folder: Path, epochs: int) -> dict[str, str]:
    """Build a new project with one Python, and return the SHA-256 of each .tflite file."""
    subprocess.run(["litemill", "init", str(folder)], check=True, stdout=subprocess.DEVNULL)
    params = folder / "params.yaml"
    limits = "{snr_db: 1, top1_agreement: 0.1, metric_drop_relative: null}"
    overrides = f"overrides: {{train: {{epochs: {epochs}}}, limits: {limits}}}"
    params.write_text(params.read_text().replace("overrides: {}", overrides))
    # make puts the project's own environment first in PATH.
    subprocess.run(["make", "--silent", f"PYTHON={python}"], cwd=folder, check=True)
    files = sorted(folder.glob("build/convert/*/model.tflite"))
    return {path.parent.name: sha256(path) for path in files}


def main() -> int:
    """Build with each Python, and print how the files compare with the first one's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=1)
    epochs = parser.parse_args().epochs
    results = {}
    for python in pythons():
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
            results[python] = build(python, Path(scratch) / "smoke", epochs)
        print(f"{python}: {len(results[python])} files, {time.monotonic() - start:.0f} s")
    first, *others = results
    different = {
        python: [name for name, digest in results[first].items() if results[python][name] != digest]
        for python in others
    }
    for python, names in different.items():
        print(f"{python}: {', '.join(names) or 'no file'} differs from {first}")
    return 1 if any(different.values()) else 0


def _starts(python: str) -> bool:
    # A version manager's stand-in for a Python that is not chosen exists and fails.
    try:
        return not subprocess.run([python, "-V"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
