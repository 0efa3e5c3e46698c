"""Wheels of Litemill, and projects that `litemill init` starts from them.

A test cannot install the packages of a lock from an index. So a lock may pin wheels that make those
of this environment importable: pip, hashes and environments are real.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from project import Project, copied, environment

from litemill.cli.wheel import BUILD
from litemill.core.files import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

# One epoch, two variants, and no limits that one epoch could miss.
QUICK = "{train: {epochs: 1}, limits: {snr_db: 1, top1_agreement: 0.1, metric_drop_relative: 0.99}}"
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


def write_lock(project: Project, pins: Mapping[str, str], *folders: Path, lines: str = "") -> None:
    """Pin packages in a project's lock, whose wheels hold nothing but a name and a version.

    Beside them a wheel is pinned that adds this environment's packages, and some folders, to the
    import path, so that what is pinned can be imported; and what further lines pin.
    """
    (project.root / "wheels").mkdir(exist_ok=True)
    site = "".join(f"{folder}\n" for folder in (SITE, *folders))
    lines = f"--no-index\n--find-links wheels\n{lines}"
    for name, version, path in [*((*pin, "") for pin in pins.items()), ("tests-site", "1", site)]:
        wheel = project.root / "wheels" / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        wheel.write_bytes(_wheel(name, version, path))
        lines += f"{name}=={version} \\\n    --hash=sha256:{sha256(wheel)}\n"
    project.write("requirements.lock", lines)


def _wheel(name: str, version: str, path: str) -> bytes:
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if path:
        files[f"{name}.pth"] = path
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return content.getvalue()


def quick(project: Project) -> None:
    """Let a build of the example take half a minute, and commit that choice."""
    project.edit("params.yaml", "overrides: {}", f"overrides: {QUICK}")
    project.edit("params.yaml", OTHER_VARIANTS, "  - int8\n")
    project.git("commit", "--quiet", "--all", "--message", "Be quick")
