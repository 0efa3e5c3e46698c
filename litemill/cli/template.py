"""The files of a new project, as a wheel of Litemill holds them in litemill/template/.

A project follows from the wheel alone, so that `litemill update` can tell what a version changed by
writing the files of two wheels.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

from packaging.utils import parse_wheel_filename

from litemill.core.files import sha256

TEMPLATE = "litemill/template/"
LOCK = "litemill/requirements.lock"
HIDDEN = "dot_"  # .gitignore is stored as dot_gitignore: setuptools leaves hidden files out
# Marks a line that only Litemill's own repository has.
OWN_LINE = "# in Litemill's repository only"


def write_project(wheel: Path, folder: Path, name: str) -> None:
    """Write the files of a new project to a folder, and the wheel into its wheels/."""
    replaced = {
        "PROJECT_NAME": name,
        "PYTHON_VERSION": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            if entry.startswith(TEMPLATE):
                target = folder / _place(entry.removeprefix(TEMPLATE))
                text = _render(archive.read(entry).decode(), replaced)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8", newline="\n")
        lock = archive.read(LOCK).decode()
    (folder / "requirements.lock").write_text(pin(wheel) + lock, encoding="utf-8", newline="\n")
    (folder / "wheels").mkdir()
    shutil.copyfile(wheel, folder / "wheels" / wheel.name)


def version(wheel: Path) -> str:
    """Return the version that a wheel's name tells."""
    return str(parse_wheel_filename(wheel.name)[1])


def pin(wheel: Path) -> str:
    """Return the lines of requirements.lock that install a wheel from wheels/ or from an index."""
    required = f"litemill=={version(wheel)} \\\n    --hash=sha256:{sha256(wheel)}\n"
    return f"--find-links wheels\n{required}"


def _place(entry: str) -> Path:
    parts = PurePosixPath(entry).parts
    return Path(
        *(f".{part.removeprefix(HIDDEN)}" if part.startswith(HIDDEN) else part for part in parts)
    )


def _render(text: str, replaced: dict[str, str]) -> str:
    text = "".join(line for line in text.splitlines(keepends=True) if OWN_LINE not in line)
    for word, value in replaced.items():
        text = text.replace(word, value)
    return text
