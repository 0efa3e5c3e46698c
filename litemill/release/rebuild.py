"""Building the commit of a release again, from nothing, and comparing every byte."""

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
    from litemill.release.check import CheckedRelease

LAST = 8  # lines of a failed command


def rebuild_release(archive: Path, checked: CheckedRelease, repository: str | None) -> list[str]:
    """Build the recorded commit in a fresh folder and tell how the release differs.

    Args:
        archive: the release.
        checked: what `check` found of it.
        repository: folder or address of a Git repository with that commit.

    Returns:
        One line a finding, the first stage that differs before all; empty: the same bytes.

    Raises:
        ReleaseError: the commit is not there, or does not build.
    """
    place = repository or _known(checked)
    with open_release(archive) as found, tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        clone = Path(scratch) / "project"
        _clone(place, checked.commit, clone)
        env = _environment(Path(scratch), found.time)
        _build(clone, env)
        fresh = Path(scratch) / found.top
        _assemble(clone, fresh, checked.commit, env)
        return rebuild_differences(found.folder, fresh)


def _known(checked: CheckedRelease) -> str:
    """Give this folder if it has the commit.

    What the release names is only told: a rebuild runs the code that it gets there.
    """
    if _has(Path.cwd(), checked.commit):
        return str(Path.cwd())
    named = checked.manifest["release"].get("repository") or "one that has it"
    found = f"commit {checked.commit} is not in this folder's repository"
    raise ReleaseError("rebuild", found, f"give --repository, such as {named}")


def _has(folder: Path, commit: str) -> bool:
    try:
        run_git(folder, "cat-file", "-e", f"{commit}^{{commit}}")
    except (ReleaseError, OSError):
        return False
    return True


def _clone(place: str, commit: str, clone: Path) -> None:
    # A word that begins with a dash would be an option of git.
    if place.startswith("-"):
        raise ReleaseError("--repository", repr(place), "expected a folder or an address")
    run_git(clone.parent, "clone", "--quiet", "--no-checkout", "--", place, str(clone))
    run_git(clone, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit)


def _environment(scratch: Path, time: int) -> dict[str, str]:
    """Keep the caller's caches and settings of Git and DVC out of the build."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_", "LITEMILL_"))}
    python = Path(sys.executable).parent
    return {
        **kept,
        "PATH": f"{python}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(scratch / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(scratch / "system"),
        "DVC_NO_ANALYTICS": "1",
        "SOURCE_DATE_EPOCH": str(time),
    }


def _build(clone: Path, env: dict[str, str]) -> None:
    commands = [
        # Whatever the project's settings say: a cache of its own, and empty.
        ["config", "--local", "cache.dir", "cache"],
        ["repro", "--force", "--no-run-cache"],
    ]
    if pinned := [name for name in run_git(clone, "ls-files", "*.dvc").splitlines() if name]:
        commands.insert(1, ["pull", *pinned])  # data that `dvc add` keeps outside of Git
    for words in commands:
        done = run_dvc(clone, *words, env=env)
        if done.returncode:
            _explain(f"dvc {words[0]}", done)


def _assemble(clone: Path, folder: Path, commit: str, env: dict[str, str]) -> None:
    """Put the release together with the code of that commit, whether Git finds changes or not."""
    code = (
        "import sys; from pathlib import Path; from litemill.release.assemble import assemble; "
        "assemble(Path.cwd(), Path(sys.argv[1]), commit=sys.argv[2],"
        " time=int(sys.argv[3]), key=None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), commit, env["SOURCE_DATE_EPOCH"]],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        _explain("putting the release together", done)


def _explain(what: str, done: subprocess.CompletedProcess[str]) -> None:
    lines = (done.stdout + done.stderr).strip().splitlines()[-LAST:]
    print("\n".join(lines), file=sys.stderr)
    raise ReleaseError("rebuild", f"{what} failed with status {done.returncode}")
