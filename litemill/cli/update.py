"""`litemill update`: take the running Litemill into a project, by a three-way merge.

The base of the merge is the template in the wheel that the project pins, the other side that of the
running Litemill. Both become commits on no branch, and Git cherry-picks their difference. Copier
does the same with templates that are Git repositories with a tag for each version; ours lie inside
of wheels, and it would bring nine more packages into every build environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

PIN = re.compile(r"^litemill==(\S+)((?:\s*\\\n\s*--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""
    parser.description = (
        "Take this version of Litemill into the project in this folder: raise the pin in"
        " requirements.lock, and merge what changed in the files that `litemill init` writes."
    )


def run(args: argparse.Namespace) -> int:
    """Merge and commit; conflicts stay in the files as Git marks them.

    Raises:
        LitemillError: no project that `litemill init` started, uncommitted changes, or conflicts.
    """
    del args
    from litemill.cli.template import version
    from litemill.cli.wheel import running_wheel
    from litemill.core.errors import LitemillError
    from litemill.release.clean import run_git

    root = Path.cwd()
    lock = root / "requirements.lock"
    pinned = PIN.search(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    if pinned is None:
        expected = "expected a project that `litemill init` started"
        raise LitemillError(lock, "does not pin Litemill", expected)
    if run_git(root, "status", "--porcelain", "--untracked-files=no"):
        expected = "commit them first; `git reset --merge` undoes an update with conflicts"
        raise LitemillError(root, "uncommitted changes", expected)
    with tempfile.TemporaryDirectory(prefix="litemill-") as folder:
        scratch = Path(folder)
        old, new = _pinned_wheel(root, pinned, scratch), running_wheel(scratch)
        base = _template_commit(root, old, scratch / "old")
        theirs = _template_commit(root, new, scratch / "new", parent=base)
        return _merge(root, theirs, f"Litemill {version(new)}")


def _pinned_wheel(root: Path, pinned: re.Match[str], scratch: Path) -> Path:
    """Find the wheel that the lock pins in wheels/, or download it."""
    from litemill.core.errors import LitemillError
    from litemill.core.files import sha256

    for wheel in sorted((root / "wheels").glob("litemill-*.whl")):
        if sha256(wheel) in pinned[2]:
            return wheel
    (scratch / "pin").write_text(pinned[0], encoding="utf-8")
    words = ["--quiet", "--no-deps", "--require-hashes", "--dest", str(scratch / "pinned")]
    command = [sys.executable, "-m", "pip", "download", *words, "-r", str(scratch / "pin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        where = f"litemill {pinned[1]} with the hash in requirements.lock"
        raise LitemillError("wheels", f"{where} is neither there nor on the package index")
    return next((scratch / "pinned").glob("*.whl"))


def _template_commit(root: Path, wheel: Path, folder: Path, parent: str = "") -> str:
    """Commit the files of a wheel's template to no branch, and return the commit."""
    from litemill.cli.template import version, write_project
    from litemill.release.clean import identity, run_git

    # A project may lie in a folder of a larger repository.
    tree = folder / run_git(root, "rev-parse", "--show-prefix").strip()
    tree.mkdir(parents=True)
    write_project(wheel, tree, root.name)
    env = identity(root) | {
        "GIT_DIR": run_git(root, "rev-parse", "--absolute-git-dir").strip(),
        "GIT_WORK_TREE": str(folder),
        "GIT_INDEX_FILE": str(folder.with_suffix(".index")),
    }
    run_git(folder, "add", "--all", "--force", env=env)
    stored = run_git(folder, "write-tree", env=env).strip()
    parents = ["-p", parent] if parent else []
    message = f"Litemill {version(wheel)}"
    return run_git(folder, "commit-tree", *parents, "-m", message, stored, env=env).strip()


def _merge(root: Path, theirs: str, name: str) -> int:
    from litemill.core.errors import LitemillError
    from litemill.release.clean import identity, run_git

    # Without renames: an old wheel is no earlier version of a new one. Git's default strategy
    # ignored this option until 2.50.
    options = ["--no-commit", "--strategy=recursive", "-X", "no-renames"]
    command = ["git", "cherry-pick", *options, theirs]
    env = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    conflicts = run_git(root, "diff", "--name-only", "--diff-filter=U").splitlines()
    if conflicts:
        expected = "resolve, `git add` and `git commit`; `git reset --merge` goes back"
        raise LitemillError(name, f"conflicts in {', '.join(conflicts)}", expected)
    if done.returncode:
        raise LitemillError("git cherry-pick", _reason(done.stderr), "fix that, then update again")
    changed = run_git(root, "diff", "--cached", "--stat")
    if not changed:
        print(f"{name}: nothing to update")
        return 0
    run_git(root, "commit", "--quiet", "--message", f"Update to {name}", env=identity(root))
    print(f"{changed}{name}: committed; `make` installs and builds, `litemill explain` says what")
    return 0


def _reason(output: str) -> str:
    """Return the line in which Git says why, with the files that it lists below."""
    lines = output.splitlines() or ["failed"]
    reasons = [line for line in lines if line.startswith(("error: ", "fatal: "))]
    names = ", ".join(line.strip() for line in lines if line.startswith("\t"))
    return f"{(reasons or lines)[0]} {names}".strip()
