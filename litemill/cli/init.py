"""`litemill init`: start a project, from the files that the installed Litemill carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NEXT = """\
{folder}: a project with Litemill's example, built by Litemill {version}.
  cd {folder}
  make          sets up .venv and builds
  make test     lints and tests the project's own code
README.md there says what to change."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Start a project: a Git repository with the pipeline, an example of a model and of data, a"
        " test, recipes for CI, and the wheel of this Litemill. Needs no network."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")


def run(args: argparse.Namespace) -> int:
    """Write and commit the files; nothing is left behind when something fails.

    Raises:
        LitemillError: the folder is not empty, or Git refuses.
    """
    import tempfile

    from litemill.cli.template import version, write_project
    from litemill.cli.wheel import running_wheel
    from litemill.core.errors import LitemillError
    from litemill.core.files import atomic_replace
    from litemill.release.clean import identity, run_git

    folder: Path = args.folder
    name = folder.resolve().name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LitemillError(folder, "exists and is not empty", "expected a new folder")
    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        wheel = running_wheel(Path(scratch))
        with atomic_replace(folder.resolve()) as fresh:
            fresh.mkdir()
            write_project(wheel, fresh, name)
            run_git(fresh, "init", "--quiet", "--initial-branch=main")
            run_git(fresh, "add", "--all", "--force")
            run_git(fresh, "commit", "--quiet", "--message", f"Start {name}", env=identity(fresh))
        print(NEXT.format(folder=folder, version=version(wheel)))
    return 0
