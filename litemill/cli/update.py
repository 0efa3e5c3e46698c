"""`litemill update`: take over a newer Litemill, by a merge of the branch that holds its files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Take over a newer Litemill into a project that `litemill init` started: its files become a"
        " commit of the branch `litemill`, which Git merges into yours."
    )
    parser.add_argument("repository", metavar="REPOSITORY", help="a clone of Litemill, or its URL")
    parser.add_argument(
        "--revision", help="of that repository: a tag, branch or commit (default: its HEAD)"
    )


def run(args: argparse.Namespace) -> int:
    """Renew the branch `litemill` and merge it; 1 on conflicts, which are left as Git leaves them.

    Raises:
        LitemillError: this is no such project, it has uncommitted changes, or Git refuses.
    """
    from litemill.cli.upstream import BRANCH, cloned
    from litemill.core.errors import LitemillError
    from litemill.release.clean import run_git

    root = Path.cwd()
    if not run_git(root, "branch", "--list", BRANCH).strip():
        told = "expected a project that `litemill init` started"
        raise LitemillError(root, f"no branch {BRANCH!r}", told)
    if run_git(root, "status", "--porcelain", "--untracked-files=no"):
        told = "commit or stash them first; `git merge --abort` ends a merge"
        raise LitemillError(root, "uncommitted changes", told)
    with cloned(args.repository, args.revision) as clone:
        _renew(root, clone)
    return _merge(root)


def _renew(root: Path, clone: Path) -> None:
    """Commit a clone's machinery to the branch, in a work tree that is gone afterwards."""
    from litemill.cli.upstream import BRANCH, commit, copy
    from litemill.release.clean import run_git

    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        tree = Path(scratch) / "tree"
        run_git(root, "worktree", "add", "--quiet", str(tree), BRANCH)
        try:
            run_git(tree, "rm", "-r", "--quiet", ".")
            version = copy(clone, "machinery", tree)
            new = commit(tree, version)
            print(f"{BRANCH}: {version}" if new else f"{BRANCH}: {version}, as before")
        finally:
            run_git(root, "worktree", "remove", "--force", str(tree))


def _merge(root: Path) -> int:
    from litemill.cli.upstream import BRANCH
    from litemill.core.errors import LitemillError
    from litemill.release.clean import run_git

    command = ["git", "merge", "--no-edit", BRANCH]
    env = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    files = run_git(root, "diff", "--name-only", "--diff-filter=U").splitlines()
    if done.returncode and not files:
        raise LitemillError("git merge", _refused(done.stderr), "mend that, then update again")
    print((done.stdout + done.stderr).strip())
    if files:
        told = "resolve, `git add` and `git commit`; `git merge --abort` goes back"
        raise LitemillError("merge", f"conflicts in {', '.join(files)}", told)
    print("`make environment` installs what requirements.lock pins now; then `dvc repro`")
    return 0


def _refused(told: str) -> str:
    """Give the line in which Git says why, with the files that it lists below."""
    lines = told.splitlines() or ["failed"]
    reasons = [line for line in lines if line.startswith(("error: ", "fatal: "))]
    names = ", ".join(line.strip() for line in lines if line.startswith("\t"))
    return f"{(reasons or lines)[-1]} {names}".strip()
