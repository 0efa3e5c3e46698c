"""Building the commit of a release again, and comparing every byte.

Nothing but the commit, the packages that its lock pins by hash (Litemill among them), and the data
that it pins goes into the build: no cache, no setting and no package of this environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import ReleaseError
from litemill.release.check import open_release
from litemill.release.clean import run_dvc, run_git
from litemill.release.rebuild_diff import rebuild_differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litemill.release.check import CheckedRelease

LAST = 8  # lines of a failed command
# Settings of Python, Git, DVC and Litemill; pip's say where packages come from, which hashes hold.
SETTINGS = ("DVC_", "GIT_", "LITEMILL_", "PYTHON", "VIRTUAL_ENV")
INSTALL = ("install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
ASSEMBLE = (
    "import sys; from pathlib import Path; from litemill.release.assemble import assemble_release; "
    "assemble_release(Path.cwd(), Path(sys.argv[1]), commit=sys.argv[2],"
    " time=int(sys.argv[3]), key=None)"
)


def rebuild_release(archive: Path, checked: CheckedRelease, repository: str | None) -> list[str]:
    """Build the recorded commit in a fresh folder, and return how the release differs.

    Args:
        archive: the release.
        checked: its check.
        repository: folder or address of a Git repository with that commit.

    Returns:
        One line a difference, the first stage that differs before all; empty: the same bytes.

    Raises:
        ReleaseError: the commit is not there, its lock does not install, or it does not build.
    """
    place = repository or _this_repository(checked)
    with open_release(archive) as stored, tempfile.TemporaryDirectory(prefix="litemill-") as folder:
        scratch = Path(folder)
        fresh = scratch / stored.top
        lock = (stored.folder / "dvc.lock").read_bytes()
        clone = clone_project(place, checked.commit, lock, scratch / "project")
        env = _environment(scratch, stored.time)
        python = _install(clone, scratch / "environment", env)
        _build(clone, env, python)
        words = ("-c", ASSEMBLE, fresh, checked.commit, env["SOURCE_DATE_EPOCH"])
        _run("assembling the release", [python, *words], clone, env)
        return rebuild_differences(stored.folder, fresh)


def _this_repository(checked: CheckedRelease) -> str:
    """Return this folder if it has the commit.

    The repository that a release names is only reported: a rebuild runs the code it gets there.
    """
    try:
        run_git(Path.cwd(), "cat-file", "-e", f"{checked.commit}^{{commit}}")
    except (ReleaseError, OSError):
        named = checked.manifest["release"].get("repository") or "one that has it"
        missing = f"commit {checked.commit} is not in this folder's repository"
        raise ReleaseError("rebuild", missing, f"give --repository, such as {named}") from None
    return str(Path.cwd())


def clone_project(place: str, commit: str, lock: bytes, clone: Path) -> Path:
    """Clone a commit, and return the folder in it that has a project with this dvc.lock.

    Args:
        place: a folder of a repository, or its address.
        commit: the one that was built.
        lock: the project's dvc.lock, by which it is found in a larger repository.
        clone: the folder to clone into.

    Raises:
        ReleaseError: no such repository or commit, or no such project in it.
    """
    _clone(_top(place), commit, clone)
    listed = run_git(clone, "ls-files", "-z", "--", "dvc.lock", "**/dvc.lock").split("\0")
    found = [clone / name for name in listed if name and (clone / name).read_bytes() == lock]
    if not found:
        missing = f"no folder of commit {commit} has the dvc.lock of the release"
        raise ReleaseError("rebuild", missing, "give the --repository that it was built in")
    return found[0].parent


def _top(place: str) -> str:
    """Return the top of the repository that a folder is in; an address as it is."""
    if not Path(place).is_dir():
        return place
    try:
        return run_git(Path(place), "rev-parse", "--show-toplevel").removesuffix("\n")
    except ReleaseError:
        return place  # a bare repository, or none


def _clone(place: str, commit: str, clone: Path) -> None:
    # A word that begins with a dash would be an option of git.
    if place.startswith("-"):
        raise ReleaseError("--repository", repr(place), "expected a folder or an address")
    run_git(clone.parent, "clone", "--quiet", "--no-checkout", "--", place, str(clone))
    run_git(clone, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit)


def _environment(scratch: Path, time: int) -> dict[str, str]:
    """Return the variables of the build, without the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    programs = scratch / "environment" / "bin"
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(scratch / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(scratch / "system"),
        "DVC_NO_ANALYTICS": "1",
        "SOURCE_DATE_EPOCH": str(time),
    }


def _install(clone: Path, folder: Path, env: Mapping[str, str]) -> Path:
    """Install the lock of the commit into an environment of its own, and return its Python."""
    _run("making an environment", [sys.executable, "-m", "venv", folder], clone, env)
    python = folder / "bin" / "python"
    words = ("-m", "pip", *INSTALL, "--requirement", "requirements.lock")
    _run("installing requirements.lock", [python, *words], clone, env)
    return python


def _build(clone: Path, env: dict[str, str], python: Path) -> None:
    commands = [
        # Whatever the project's settings say: a cache of its own, and empty.
        ["config", "--local", "cache.dir", "cache"],
        ["repro", "--force", "--no-run-cache"],
    ]
    if pinned := [name for name in run_git(clone, "ls-files", "*.dvc").splitlines() if name]:
        commands.insert(1, ["pull", *pinned])  # data that `dvc add` keeps outside of Git
    for words in commands:
        _check(f"dvc {words[0]}", run_dvc(clone, *words, env=env, python=str(python)))


def _run(what: str, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> None:
    _check(
        what,
        subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False),
    )


def _check(what: str, done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-LAST:]
        print("\n".join(lines), file=sys.stderr)
        raise ReleaseError("rebuild", f"{what} failed with status {done.returncode}")
