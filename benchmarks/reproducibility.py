"""Build N times, each time in another environment, and count how many builds are identical.

    python -m benchmarks.reproducibility [--builds 20] [--seed 0] [--keep DIR] [--json FILE]

Every build is of a fresh copy of this project's files, in a folder of its own, with nothing cached.
Between builds vary: the number of cores, the folder and its depth, the order in which files were
created, the time and the date (where `faketime` is installed), the time zone, the locale, the hash
seed, the umask, the user (where `unshare` may make user namespaces), the home folder, the temporary
folder, the number of OpenMP threads, and whether stages share a warm worker. The first build has
none of that changed.

Prints how many of N are identical, artifact by artifact; the last line is the archive that
`litemill release` would make. Exit status: 0 all identical, 1 not, 2 a build failed.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from litemill.core.files import sha256, tree_files, tree_sha256
from litemill.release.archive import write_archive
from litemill.release.assemble import assemble_release

ROOT = Path(__file__).resolve().parents[1]
COMMIT = "0" * 40  # the same for all, so that the archives can be compared
ZONES = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "Europe/Berlin"]
LOCALES = ["C", "C.UTF-8", "en_US.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8", "ja_JP.UTF-8"]
FOLDERS = ["b", "a folder with spaces", "größer", "deep/er/and/deeper/still", "-dash", "x" * 80]
DATES = ["2027-02-28 23:59:30", "2030-12-31 23:58:00", "2028-02-29 12:00:00"]
USERS = [1000, 65534]
UMASKS = [0o022, 0o002, 0o077, 0o027]
# What a person's own settings would change.
DROPPED = ("DVC_", "GIT_", "LITEMILL_", "SOURCE_DATE_EPOCH", "PYTHONHASHSEED", "OMP_", "TF_")


@dataclass(frozen=True)
class Setting:
    """What one build is done in."""

    cores: list[int]
    folder: str
    zone: str
    locale: str
    hash_seed: str
    umask: int
    threads: str
    worker: str
    date: str | None
    user: int | None
    order: int


def settings(count: int, seed: int) -> list[Setting]:
    """Draw the environments; the first is plain."""
    source = random.Random(seed)
    available = sorted(os.sched_getaffinity(0))
    plain = Setting(available, "b", "UTC", "C.UTF-8", "0", 0o022, "", "1", None, None, 0)
    dates = [None, *DATES] if shutil.which("faketime") else [None]
    users = [None, *USERS] if _possible([*as_user(USERS[0]), "true"]) else [None]
    return [plain] + [
        Setting(
            cores=sorted(source.sample(available, 1 + number % len(available))),
            folder=FOLDERS[number % len(FOLDERS)],
            zone=source.choice(ZONES),
            locale=source.choice(LOCALES),
            hash_seed=str(source.randrange(1, 1 << 31)),
            umask=source.choice(UMASKS),
            threads=source.choice(["", "1", "3", "8"]),
            worker=source.choice(["0", "1"]),
            date=source.choice(dates),
            user=source.choice(users),
            order=source.randrange(1 << 31),
        )
        for number in range(1, count)
    ]


def as_user(number: int) -> list[str]:
    """Return the command before another one that lets it see itself as the user of this number."""
    return ["unshare", "--user", f"--map-user={number}"]


def _possible(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def sources() -> dict[str, bytes]:
    """Read the project's own files, committed or not, once: edits while this runs do not count."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    made = ("", "dvc.lock", "build/params.json")
    names = [name for name in listed.split("\0") if name not in made and (ROOT / name).is_file()]
    return {name: (ROOT / name).read_bytes() for name in names}


def build(setting: Setting, files: dict[str, bytes], scratch: Path) -> dict[str, str]:
    """Build some sources once in `scratch`; give the SHA-256 of every artifact, by name."""
    project = scratch / setting.folder / "project"
    # The order in which files are created decides how the disk lists them.
    for name in random.Random(setting.order).sample(sorted(files), len(files)):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(files[name])
    home = scratch / "home"
    for folder in (home, scratch / "tmp"):
        folder.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith(DROPPED)}
    env |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(scratch / "tmp"),
        "TZ": setting.zone,
        "LC_ALL": setting.locale,
        "LANG": setting.locale,
        "PYTHONHASHSEED": setting.hash_seed,
        "LITEMILL_WORKER": setting.worker,
        "LITEMILL_WORKER_IDLE": "5",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_NO_ANALYTICS": "1",
    }
    env |= {"OMP_NUM_THREADS": setting.threads} if setting.threads else {}
    command = ["faketime", "-f", f"@{setting.date}"] if setting.date else []
    cores = ",".join(map(str, setting.cores))
    command = [*(as_user(setting.user) if setting.user else []), *command]
    command = ["taskset", "-c", cores, *command, sys.executable, "-m", "dvc", "repro"]
    for words in (["git", "init", "--quiet"], command):
        done = subprocess.run(
            words, cwd=project, env=env, umask=setting.umask, capture_output=True, check=False
        )
        if done.returncode:
            sys.stderr.buffer.write(done.stdout[-2000:] + done.stderr[-4000:])
            raise SystemExit(2)
    return _artifacts(project, scratch)


def _artifacts(project: Path, scratch: Path) -> dict[str, str]:
    """Return the digest of every output of every stage, of dvc.lock, and of the archive."""
    lock = yaml.safe_load((project / "dvc.lock").read_bytes())["stages"]
    outs = [one["path"] for stage in lock.values() for one in stage.get("outs", [])]
    found = {path: tree_sha256(project / path) for path in outs}
    found["dvc.lock"] = sha256(project / "dvc.lock")
    folder, archive = scratch / "release", scratch / "release.tar"
    assemble_release(project, folder, commit=COMMIT, time=0, key=None)
    write_archive(archive, folder, tree_files(folder), top="release", time=0)
    return {**found, "the release's archive": sha256(archive)}


def main() -> int:
    """Build, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--builds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the drawn environments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the builds there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all digests there")
    args = parser.parse_args()
    drawn, files = settings(args.builds, args.seed), sources()
    found: list[dict[str, str]] = []
    for number, setting in enumerate(drawn, 1):
        start = time.monotonic()
        scratch = Path(tempfile.mkdtemp(prefix=f"build-{number}-", dir=args.keep))
        found.append(build(setting, files, scratch))
        if not args.keep:
            shutil.rmtree(scratch)
        seconds = time.monotonic() - start
        print(
            f"build {number:>2} of {len(drawn)}: {seconds:4.0f} s  {_described(setting)}",
            flush=True,
        )
    if args.json:
        rows = [
            {"setting": asdict(one), "sha256": digests}
            for one, digests in zip(drawn, found, strict=True)
        ]
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return _compared(found)


def _described(setting: Setting) -> str:
    parts = {**asdict(setting), "cores": len(setting.cores), "umask": f"{setting.umask:03o}"}
    parts["folder"] = setting.folder[:24]
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value not in (None, ""))


def _compared(found: list[dict[str, str]]) -> int:
    """Print how many builds agree, by artifact; 0 if all do."""
    names = list(dict.fromkeys(name for digests in found for name in digests))
    width, same = max(map(len, names)), True
    for name in names:
        digests = [one.get(name, "missing") for one in found]
        common, count = collections.Counter(digests).most_common(1)[0]
        others = [str(n) for n, digest in enumerate(digests, 1) if digest != common]
        same = same and not others
        missing = f"  not: build {', '.join(others)}" if others else ""
        print(f"{name:<{width}}  {count} of {len(found)}  {common[:12]}{missing}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
