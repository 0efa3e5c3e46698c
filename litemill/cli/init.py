"""`litemill init`: start a project of one's own, which can take over newer Litemills by a merge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NEXT = """\
{folder}: a project with Litemill's example, built from {version}.
  cd {folder}
  make          sets up .venv and builds
  make test     runs the project's own tests
README.md there tells what to change; docs/projects.md how to take over a newer Litemill."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Start a project of your own: a Git repository with the pipeline, its configuration, one"
        " example of a model and of data, a test and recipes for CI."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    parser.add_argument(
        "--from",
        dest="repository",
        metavar="REPOSITORY",
        help="folder or address of a clone of Litemill (default: where this program is)",
    )
    parser.add_argument(
        "--revision", help="of that repository: a tag, branch or commit (default: its HEAD)"
    )


def run(args: argparse.Namespace) -> int:
    """Make the repository; nothing is left behind when something fails.

    Raises:
        LitemillError: the folder is not empty, or there is no clone of Litemill.
    """
    from litemill.cli.upstream import BRANCH, cloned, commit, copy
    from litemill.core.errors import LitemillError
    from litemill.core.files import atomic_replace
    from litemill.release.clean import run_git

    folder: Path = args.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LitemillError(folder, "exists and is not empty", "expected a new folder")
    with cloned(args.repository or _sources(), args.revision) as clone:
        with atomic_replace(folder.resolve()) as fresh:
            fresh.mkdir()
            run_git(fresh, "init", "--quiet", f"--initial-branch={BRANCH}")
            version = copy(clone, "machinery", fresh)
            commit(fresh, version)
            run_git(fresh, "checkout", "--quiet", "-b", "main")
            copy(clone, "starter", fresh)
            _name(fresh / "README.md", folder.resolve().name)
            commit(fresh, f"Start {folder.resolve().name}")
        print(NEXT.format(folder=folder, version=version))
    return 0


def _sources() -> str:
    from litemill.core.errors import LitemillError

    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists() or not (root / "template").is_dir():
        told = "expected --from REPOSITORY, a clone of Litemill"
        raise LitemillError(root, "holds this program, but not its sources", told)
    return str(root)


def _name(readme: Path, name: str) -> None:
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text.replace("# NAME\n", f"# {name}\n", 1), encoding="utf-8")
