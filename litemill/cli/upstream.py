"""The branch `litemill` of a project: Litemill's own files as they came, one commit a version.

Debian's packages keep their upstream sources in this way: what the user changed is the difference
between two branches, and taking over a newer version is a merge, which Git does.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import LitemillError
from litemill.release.clean import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator

BRANCH = "litemill"


@contextlib.contextmanager
def cloned(repository: str, revision: str | None) -> Iterator[Path]:
    """Give a clone of Litemill at a revision, in a folder that is gone afterwards.

    Raises:
        LitemillError: there is no such repository or revision.
    """
    for word in (repository, revision or ""):
        # It would be an option of git.
        if word.startswith("-"):
            raise LitemillError("repository", repr(word), "expected a folder, address or revision")
    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        clone = Path(scratch) / "litemill"
        run_git(Path.cwd(), "clone", "--quiet", "--", repository, str(clone))
        if revision:
            run_git(clone, "-c", "advice.detachedHead=false", "checkout", "--quiet", revision)
        yield clone


def copy(clone: Path, part: str, folder: Path) -> str:
    """Copy the `machinery` or the `starter` of a clone, and name its version and commit.

    Raises:
        LitemillError: the clone is none of Litemill.
    """
    command = [sys.executable, "-m", "litemill.template", part, str(folder.resolve())]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["failed"])[-1]
        raise LitemillError("template", told.removeprefix(f"{clone}: "))
    return f"Litemill {done.stdout.strip()} ({run_git(clone, 'rev-parse', '--short=12', 'HEAD').strip()})"


def commit(folder: Path, message: str) -> bool:
    """Commit everything in a work tree; False when nothing is new.

    Raises:
        LitemillError: Git refuses, for example because it does not know who commits.
    """
    # What the user ignores elsewhere is still Litemill's.
    run_git(folder, "add", "--all", "--force")
    if not run_git(folder, "status", "--porcelain"):
        return False
    run_git(folder, "commit", "--quiet", "--message", message)
    return True
