"""`litemill build -j N`: `dvc repro`, with the variants converted and validated in parallel.

DVC runs one stage after the other. It does lock each stage and artifact on its own, though, so that
several DVC processes may work in one project; each of these does one variant. What comes before and
after them is a plain `dvc repro`, which also has the last word on what is up to date.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")
# The stages that variants have of their own, in order; those before are up to `export`.
EACH = ("convert", "validate")
SHARED, NEXT = "export", "report"
LOCK = Path("dvc.lock")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "-j",
        "--jobs",
        type=_positive,
        default=_cores(),
        metavar="N",
        help="variants at a time (default: as many as cores, here %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Build everything that changed; a variant that fails does not stop the others."""
    from litemill.core.errors import ConfigError
    from litemill.pipeline.lock_file import shielded_lock

    if not Path("dvc.yaml").exists():
        raise ConfigError("dvc.yaml", "no such file here", "expected to run in a project's folder")
    with shielded_lock(Path.cwd()):
        return _build(arguments.jobs)


def _build(jobs: int) -> int:
    if jobs > 1:
        if _repro(SHARED):
            return 1
        variants = _changed()
        if len(variants) > 1 and not _all_built(variants, jobs):
            return 1
    return int(_repro() != 0)


def _repro(*targets: str) -> int:
    """Run `dvc repro` and return its status; Ctrl-C reaches it by itself, and it is waited for."""
    with subprocess.Popen([*DVC, "repro", *targets]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            _wait(process)
            raise


def _wait(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()


def _all_built(variants: list[str], jobs: int) -> bool:
    from litemill.pipeline.lock_file import lock_damage

    before = _locked_stages()
    try:
        failed = _in_parallel(variants, jobs)
    finally:
        if not lock_damage(Path.cwd()):
            _sort_lock(before)
    for variant in failed:
        print(f"{variant}: failed; see its output above", file=sys.stderr)
    return not failed


def _changed() -> list[str]:
    """List the variants with a stage that is not up to date.

    Raises:
        LitemillError: `dvc status` failed.
    """
    from litemill.core.errors import LitemillError

    command = [*DVC, "status", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise LitemillError("dvc status", f"ended with {done.returncode}", "see its output above")
    stages = [name.partition("@") for name in json.loads(done.stdout)]
    return list(dict.fromkeys(variant for stage, _, variant in stages if stage in EACH))


def _in_parallel(variants: list[str], jobs: int) -> list[str]:
    """Run the stages of each variant in a DVC process of its own; return those that failed.

    Ctrl-C reaches these processes by itself; they are waited for, and no other one is started.
    """
    failed = []
    pool = ThreadPoolExecutor(jobs)
    try:
        running = {pool.submit(_build_variant, variant): variant for variant in variants}
        for done in as_completed(running):
            status, output = done.result()
            print(output, end="", flush=True)
            if status:
                failed.append(running[done])
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(failed, key=variants.index)


def _build_variant(variant: str) -> tuple[int, str]:
    command = [*DVC, "repro", "--single-item", *(f"{stage}@{variant}" for stage in EACH)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def _locked_stages() -> dict[str, str]:
    """Return the lines of each stage in dvc.lock, by name, in its order."""
    text = LOCK.read_text() if LOCK.exists() else ""
    parts = re.split(r"^  (\S+):\n", text.partition("\nstages:\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _sort_lock(before: dict[str, str]) -> None:
    """Sort dvc.lock as one DVC process would have written it: new stages in the order of the DAG.

    Those that a first build has left, when a variant failed or somebody interrupted it, are new
    too.
    """
    from litemill.config.parameters import section
    from litemill.core.files import write_text

    stages, was_built = _locked_stages(), NEXT in before
    kept = [name for name in before if was_built or name.partition("@")[0] not in EACH]
    added = [f"{stage}@{variant}" for stage in EACH for variant in section("report", "variants")]
    order = dict.fromkeys(name for name in [*kept, *added, *stages] if name in stages)
    head = LOCK.read_text().partition("\nstages:\n")[0]
    lines = "".join(f"  {name}:\n{stages[name]}" for name in order)
    write_text(LOCK, f"{head}\nstages:\n{lines}")


def _positive(text: str) -> int:
    import argparse

    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
