"""Wheels of Litemill, and projects that `litemill init` starts from them.

A test's environment cannot be installed from an index. So a project's lock may pin, instead of all
packages, a wheel that makes those of this environment importable: pip, hashes and wheels are real.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from project import Project, copied, environment

from litemill.cli.wheel import BUILD

# One epoch, two variants, and no limits that one epoch could miss.
QUICK = "{train: {epochs: 1}, limits: {snr_db: 1, top1_agreement: 0.1, metric_drop_relative: 1}}"
OTHER_VARIANTS = "  - dynamic_range\n  - float16\n  - int8\n  - int8_float_io\n  - int16x8\n"
SITE = Path(pytest.__file__).parents[1]


def built_wheel(sources: Path, folder: Path) -> Path:
    """Build the wheel of some sources of Litemill, as its users do."""
    env = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    command = [sys.executable, "-c", BUILD, str(folder)]
    done = subprocess.run(command, cwd=sources, env=env, capture_output=True, text=True, check=True)
    return folder / done.stdout.splitlines()[-1]


def newer_wheel(folder: Path, *edits: tuple[str, str, str], version: str = "0.2.0") -> Path:
    """Build the wheel of a later Litemill, in whose files some text is another."""
    sources = Project(copied(folder / "litemill"))
    sources.edit("pyproject.toml", 'version = "0.1.0"', f'version = "{version}"')
    sources.edit("litemill/core/version.py", "0.1.0", version)
    for name, old, new in edits:
        sources.edit(name, old, new) if old else sources.write(name, new)
    return built_wheel(sources.root, folder)


class Installed:
    """An environment in which one wheel of Litemill was installed by pip."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        """Make it; other packages are those of the tests' environment."""
        self.wheel = wheel
        self.folder = folder
        self.env = environment(folder)
        self.env = {n: v for n, v in self.env.items() if n != "PYTHONPATH"}
        python = folder / "bin" / "python"
        for command in (
            [sys.executable, "-m", "venv", folder],
            [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        ):
            subprocess.run(command, env=self.env, check=True)
        [site] = folder.glob("lib/python*/site-packages")
        (site / "site.pth").write_text(f"{SITE}\n")

    def litemill(
        self, cwd: Path, *words: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run its command in a folder."""
        return subprocess.run(
            [self.folder / "bin" / "litemill", *words],
            cwd=cwd,
            env=self.env if env is None else env,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, folder: Path, name: str = "mine", env: dict[str, str] | None = None) -> Project:
        """Start a project in a folder."""
        done = self.litemill(folder, "init", name, env=env)
        assert 0 == done.returncode, done.stderr
        project = Project(folder / name)
        project.env.pop("PYTHONPATH", None)
        return project


@functools.cache
def site_wheel(*folders: Path) -> tuple[str, bytes]:
    """Make a wheel whose installation adds folders to the import path: its name and bytes."""
    info = "tests_site-1.dist-info"
    files = {
        "tests_site.pth": "".join(f"{folder}\n" for folder in folders),
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tests-site\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {n: hashlib.sha256(text.encode()).digest() for n, text in files.items()}
    encoded = {n: base64.urlsafe_b64encode(d).decode().rstrip("=") for n, d in digests.items()}
    record = "".join(f"{n},sha256={encoded[n]},{len(files[n])}\n" for n in files)
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        file.seek(0)
        return "tests_site-1-py3-none-any.whl", file.read()


def pin_site(project: Project, *folders: Path, lines: str) -> None:
    """Let a project's lock install this environment's packages, beside what some lines pin."""
    name, content = site_wheel(SITE, *folders)
    (project.root / "wheels").mkdir(exist_ok=True)
    (project.root / "wheels" / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    site = f"tests-site==1 --hash=sha256:{digest}\n"
    project.write("requirements.lock", f"--no-index\n--find-links wheels\n{lines}{site}")


def quick(project: Project) -> None:
    """Let a build of the example take half a minute, and commit that choice."""
    project.edit("params.yaml", "overrides: {}", f"overrides: {QUICK}")
    project.edit("params.yaml", OTHER_VARIANTS, "  - int8\n")
    project.git("commit", "--quiet", "--all", "--message", "Be quick")
