"""A copy of this project that a test may edit, build with real DVC, and throw away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.files import sha256, tree_files

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
# What is neither source nor build product of a stage: TensorFlow's own settings folder.
SCRATCH = "build/.keras"
# The digests of the sources, not what these make.
CODE = "build/code.json"

# Two variants, one epoch and no limits that one epoch could miss: a build takes half a minute.
QUICK = """\
# A quick release.
model: digits_cnn
data: digits
train: default
variants:
  - float32
  - int8
sweeps: []
experiment: null
overrides:
  train: {epochs: 1}
  limits: {snr_db: 1, top1_agreement: 0.1, metric_drop_relative: null}
"""


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    status: int
    out: str
    err: str

    @property
    def stages(self) -> list[str]:
        """The stages that DVC ran, in order."""
        return re.findall(r"^Running stage '(\S+)':$", self.out, re.MULTILINE)

    @property
    def cached(self) -> list[str]:
        """The stages whose outputs DVC took from its run cache."""
        return re.findall(r"^Stage '(\S+)' is cached", self.out, re.MULTILINE)


class Project:
    """A project in a folder of its own; its Git, DVC and user settings touch no one else's."""

    def __init__(self, root: Path) -> None:
        """Hold the folder."""
        self.root = root
        self.env = environment(root.parent)
        self.first: Ran | None = None  # the build that made it

    def run(self, *command: str, path: Path | None = None) -> Ran:
        """Run a command in the project; `path` comes first in PATH."""
        env = self.env if path is None else self.env | {"PATH": f"{path}:{self.env['PATH']}"}
        done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def stage(self, *words: str) -> Ran:
        """Run one stage as dvc.yaml does: `stage("convert", "int8")`."""
        name, *arguments = words
        return self.run(sys.executable, "-m", f"stages.{name}", *arguments)

    def dvc(self, *words: str) -> Ran:
        """Run DVC."""
        return self.run(sys.executable, "-m", "dvc", *words)

    def git(self, *words: str) -> str:
        """Run Git; its standard output."""
        done = self.run("git", *words)
        assert 0 == done.status, done.err
        return done.out

    def repro(self, *words: str) -> Ran:
        """Run `dvc repro`, which must succeed."""
        done = self.dvc("repro", *words)
        assert 0 == done.status, done.out + done.err
        return done

    def start(self, *command: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, which Ctrl-C ends."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def interrupted(self, when: Callable[[str], bool], how: signal.Signals) -> Ran:
        """Run `dvc repro` and send its process group a signal once its output is as `when` says."""
        log = self.root.parent / "repro.log"
        command = [sys.executable, "-m", "dvc", "repro"]
        with (
            log.open("w") as file,
            subprocess.Popen(
                command,
                cwd=self.root,
                env=self.env,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            while not when(log.read_text()):
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            os.killpg(process.pid, how)
        return Ran(process.returncode, log.read_text(), "")

    def read(self, name: str) -> str:
        """Return a file's text; a choice of the package becomes the project's own first."""
        own_choice(self.root, name)
        return (self.root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file and the folders above it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place in a file that reads `old`."""
        text = self.read(name)
        assert 1 == text.count(old), f"{old!r} is {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def comment(self, name: str) -> None:
        """Append a comment line to a file."""
        self.write(name, self.read(name) + "\n# A remark.\n")

    def built(self) -> dict[str, str]:
        """Give the SHA-256 of every file that the stages made."""
        found = tree_files(self.root / "build")
        names = [f"build/{name}" for name in found]
        return {n: sha256(self.root / n) for n in names if n != CODE and not n.startswith(SCRATCH)}

    def copy(self, folder: Path) -> Project:
        """Copy the project with its Git history, DVC cache and build."""
        shutil.copytree(self.root, folder / self.root.name, symlinks=True, dirs_exist_ok=True)
        return Project(folder / self.root.name)


def own_choice(root: Path, name: str) -> Path:
    """Copy a file of the package's conf/ to the project's, as a user does to edit it."""
    package = ROOT / "litemill" / name
    if name.startswith("conf/") and not (root / name).exists() and package.is_file():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package, root / name)
    return root / name


def environment(folder: Path) -> dict[str, str]:
    """Give the environment variables that keep a copy to itself, below `folder`."""
    settings = folder / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC_", "PYTEST_"))}
    names = {"GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@localhost"}
    names |= {"GIT_COMMITTER_NAME": "T", "GIT_COMMITTER_EMAIL": "t@localhost"}
    return {
        **kept,
        **names,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "DVC_SITE_CACHE_DIR": str(settings / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(settings / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(settings / "system"),
        "DVC_NO_ANALYTICS": "1",
        "NO_COLOR": "1",
        # A warm worker is keyed by folder: one for every copy, which is soon gone.
        "LITEMILL_WORKER_IDLE": "3",
    }


def sources() -> list[str]:
    """List the project's own files, committed or not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and os.path.lexists(ROOT / name)]


def copied(root: Path) -> Path:
    """Copy the sources to a new folder, without what a build adds."""
    for name in sources():
        if name not in ("dvc.lock", "build/params.json"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    return root


def fresh(folder: Path) -> Project:
    """Copy the sources into a new Git repository in `folder`, not built, with quick choices."""
    project = Project(copied(folder / "project"))
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("config", "user.name", "T")
    project.git("config", "user.email", "t@localhost")
    project.write("params.yaml", QUICK)
    return project
