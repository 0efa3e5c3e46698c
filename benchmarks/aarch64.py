"""Check and measure a release on an emulated aarch64: `litemill verify` and its benchmark.

Needs Debian's qemu-user (`qemu-aarch64`), apt-get and uv, which are what the Python of Debian's
arm64 and the wheels for aarch64 come by; nothing is installed. About two minutes. What differs from
the golden outputs is within the tolerances of the release, or the status is 1. The emulator's times
are no device's.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "usr/bin/python3.11"
DEBIAN = ("python3.11", "libstdc++6")
# What only a build needs, or has no wheel.
LEFT_OUT = {
    "antlr4-python3-runtime", "dvc", "ethos-u-vela", "h5py", "iterative-telemetry", "keras",
    "litert-quantizer", "pandas", "scikit-learn", "scipy", "tensorflow", "tensorflow-cpu",
    "tf-keras", "tflite-micro",
}  # fmt: skip
# LiteRT ends with SIGSEGV where /proc/cpuinfo, which the emulator passes through, is an x86's.
CPUINFO = """\
processor\t: {number}
BogoMIPS\t: 100.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3

"""
# The Raspberry Pi 4's, and one with half-precision and dot products, as phones of 2019 and later.
PROCESSORS = {
    "cortex-a72": ("0xd08", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"),
    "cortex-a76": (
        "0xd0b",
        "fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc asimddp",
    ),
}


def main() -> int:
    """Print what both commands print, for each processor; return 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("archive", type=Path, metavar="FILE.tar", help="a release")
    parser.add_argument("--root", type=Path, help="keep the Python and the wheels in this folder")
    args = parser.parse_args()
    if missing := [name for name in ("qemu-aarch64", "apt-get", "dpkg") if not shutil.which(name)]:
        parser.error(f"needs {missing[0]}; on Debian: apt-get install qemu-user")
    with tempfile.TemporaryDirectory(prefix="litemill-aarch64-") as scratch:
        root = (args.root or Path(scratch) / "root").resolve()
        if not (root / "wheels").is_dir():
            _fetch_python(root, Path(scratch))
            _fetch_wheels(root)
        return max([_try(args.archive.resolve(), name, root, Path(scratch)) for name in PROCESSORS])


def _try(archive: Path, processor: str, root: Path, scratch: Path) -> int:
    part, features = PROCESSORS[processor]
    described = [CPUINFO.format(number=n, part=part, features=features) for n in range(2)]
    prefix = scratch / processor  # each has a /proc of its own: another run may share the root
    (prefix / "proc").mkdir(parents=True)
    (prefix / "proc/cpuinfo").write_text("".join(described))
    for name in ("lib", "usr"):
        (prefix / name).symlink_to(root / name)
    python = _launcher(root, prefix)
    environment = {**os.environ, "QEMU_CPU": processor}
    measuring = ["--threads", "1", "--runs", "20", "--machine", processor, "--output", str(scratch)]
    statuses = []
    for words in (["verify", str(archive)], ["benchmark", "--bundle", str(archive), *measuring]):
        print(f"{processor}: litemill {words[0]}", flush=True)
        command = [str(python), "-m", "litemill", *words]
        statuses.append(subprocess.run(command, cwd=scratch, env=environment, check=False))
    return int(any(done.returncode for done in statuses))


def _launcher(root: Path, prefix: Path) -> Path:
    """Write a `python` that its own child processes start, too: sys.executable is its path."""
    path = prefix / "python"
    path.write_text(
        "#!/bin/sh\n"
        f"export PYTHONHOME='{root}/usr' PYTHONPATH='{root}/wheels:{ROOT}'\n"
        "export PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1\n"
        f"exec qemu-aarch64 -0 '{path}' -L '{prefix}' '{root}/{PYTHON}' \"$@\"\n"
    )
    path.chmod(0o755)
    return path


def _fetch_python(root: Path, scratch: Path) -> None:
    """Unpack Debian's Python for arm64, with lists and a status of packages of its own."""
    state, debs = scratch / "state", scratch / "debs"
    for folder in (state / "lists/partial", debs / "partial"):
        folder.mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Cache::archives": debs,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    wanted = ["install", "-y", "--no-install-recommends", "--download-only", *DEBIAN]
    for words in (["update"], wanted):
        subprocess.run([*apt, *words], check=True, stdout=subprocess.DEVNULL)
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", deb, root], check=True)


def _fetch_wheels(root: Path) -> None:
    """Install the wheels that the lock pins for aarch64, by hash."""
    pins = re.sub(r"\\\n\s*", " ", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    names = re.compile(r"[\w.-]+")
    kept = [line for line in pins.splitlines() if (m := names.match(line)) and m[0] not in LEFT_OUT]
    lock = root / "aarch64.lock"
    lock.write_text("\n".join(kept) + "\n", encoding="utf-8")
    uv = ["uv", "pip", "install", "--quiet", "--target", str(root / "wheels"), "--no-deps"]
    platform = ["--python-platform", "aarch64-manylinux_2_31", "--python-version", "3.11"]
    hashes = ["--only-binary", ":all:", "--require-hashes", "-r", str(lock)]
    subprocess.run([*uv, *platform, *hashes], check=True)


if __name__ == "__main__":
    sys.exit(main())
