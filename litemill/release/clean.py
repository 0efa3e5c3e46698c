"""Is what was built what the commit says? Git knows the commit, DVC knows the build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from litemill.core.errors import ErrorGroup, GateError, LitemillError, ReleaseError, few, last_line
from litemill.core.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

IGNORED = "--exclude-per-directory=.dvcignore"  # as DVC reads these files


def built_commit(root: Path) -> str:
    """Return the commit whose build is in `root`.

    Raises:
        LitemillError, SeveralErrors: no project, uncommitted changes, a failed gate, or a build
            that is not of these sources; all of them.
    """
    if not (root / "dvc.yaml").is_file():
        raise ReleaseError(root, "no dvc.yaml", "run this in the project's folder")
    found = run_git(root, "rev-parse", "--verify", "HEAD").strip()
    errors = [*_dirty(root), *_failed(root), *_stale(root), *_untold(root)]
    if errors:
        raise errors[0] if len(errors) == 1 else ErrorGroup(errors)
    return found


def run_git(root: Path, *words: str, env: dict[str, str] | None = None) -> str:
    """Run Git in a folder, with further variables, and return what it prints.

    Raises:
        ReleaseError: with Git's own last line.
    """
    done = subprocess.run(
        ["git", *words],
        cwd=root,
        env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(root, f"git {words[0]}: {last_line(done.stderr) or 'failed'}")
    return done.stdout


def identity(root: Path) -> dict[str, str]:
    """Return the variables that let Git commit on a machine where it does not know its user."""
    try:
        run_git(root, "var", "GIT_COMMITTER_IDENT")
    except ReleaseError:
        names = {"NAME": "Litemill", "EMAIL": "litemill@localhost"}
        return {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in names.items()}
    return {}


def run_dvc(
    root: Path, *words: str, env: dict[str, str] | None = None, python: str = sys.executable
) -> Any:
    """Run an environment's DVC in a folder, and return the finished process."""
    return subprocess.run(
        [python, "-m", "dvc", *words],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def _dirty(root: Path) -> Iterator[LitemillError]:
    # Of a larger repository, the project's folder alone; Git names files from its top.
    words = ("status", "--porcelain", "-z", "--untracked-files=all", "--", ".")
    above = run_git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    listed = run_git(root, *words).split("\0")
    names = [entry[3:].removeprefix(above) for entry in listed if entry[2:3] == " "]
    # Files that Git was told not to look at: assume-unchanged in small letters, skip-worktree S.
    flagged = run_git(root, "ls-files", "-v", "-z").split("\0")
    names += [entry[2:] for entry in flagged if entry[:1].islower() or entry[:1] == "S"]
    if names:
        yield ReleaseError("working tree", f"uncommitted: {few(names)}", "commit them first")


def _failed(root: Path) -> Iterator[LitemillError]:
    path = root / "build" / "gate" / "verdict.json"
    if path.is_file():
        verdict = read_json(path)
        failed = [] if verdict.get("passed") else [str(one) for one in verdict.get("failed", [])]
    else:
        # A gate that fails leaves no verdict; the report that it judged has every check.
        report = root / "build" / "report" / "report.json"
        failed = [
            f"{row['variant']}.{name}"
            for row in (read_json(report).get("variants", []) if report.is_file() else [])
            for name, outcome in row["checks"].items()
            if not outcome["passed"]
        ]
    if failed:
        yield GateError("gate", f"failed: {few(failed)}", "a release passes every check")
    elif not path.is_file():
        yield GateError("gate", "never ran", "run `dvc repro`")


def _stale(root: Path) -> Iterator[LitemillError]:
    done = run_dvc(root, "status", "--json")
    try:
        changed = json.loads(done.stdout)
    except ValueError:
        raise ReleaseError("dvc status", last_line(done.stderr) or "no answer") from None
    if changed:
        yield ReleaseError("build", f"stale: {few(list(changed))}", "run `dvc repro`")
    stages = yaml.safe_load((root / "dvc.yaml").read_bytes())["stages"]
    if frozen := [name for name, stage in stages.items() if stage.get("frozen")]:
        yield ReleaseError("dvc.yaml", f"frozen: {few(frozen)}", "DVC does not look at them")


def _untold(root: Path) -> Iterator[LitemillError]:
    """Find inputs that Git ignores: they are in no commit, so nobody else could build this."""
    path = root / "dvc.lock"
    if not path.is_file():
        return
    stages = yaml.load(path.read_bytes(), yaml.CSafeLoader).get("stages", {}).values()
    made = {one["path"] for stage in stages for one in stage.get("outs", [])}
    read = {one["path"] for stage in stages for one in stage.get("deps", [])}
    inputs = sorted(name for name in read - made if not name.startswith("build/"))
    listed = run_git(root, "ls-files", "--others", "-z", IGNORED, "--", *inputs) if inputs else ""
    names = [name for name in listed.split("\0") if name and not _followed(root, name)]
    if names:
        yield ReleaseError("inputs", f"in no commit: {few(names)}", "commit them, or `dvc add`")


def _followed(root: Path, name: str) -> bool:
    """Return whether a .dvc file pins a file, or a folder above it."""
    path = Path(name)
    return any((root / f"{one}.dvc").is_file() for one in (path, *path.parents))
