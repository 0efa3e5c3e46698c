"""`litemill init`: start a project, from the files that the installed Litemill carries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from litemill.scaffold.plan import Plan
    from litemill.scaffold.request import ProjectRequest

NEXT = """\
{folder}: a project with {what}, built by Litemill {version}.
  cd {folder}
  make          sets up .venv and builds
  make test     lints and tests the project's own code
README.md there says what to change."""
TRACKED = """\
tracked by DVC, not Git: {names}. `dvc remote add` and `dvc push` share it."""
OF_MODEL = ("model", "model_code", "labels", "task", "target", "data")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Start a project: a Git repository with the pipeline, a model and data, a test, recipes for"
        " CI, and the wheel of this Litemill. Needs no network. With --model or --model-code and"
        " --data it looks at both, writes conf/ with every choice explained, and says what it"
        " assumed; it asks in a terminal where it cannot know. Without, it brings an example."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a trained model: a .keras or .h5 file, also of Keras 2, or a SavedModel folder",
    )
    model.add_argument(
        "--model-code",
        metavar="FILE.py:FUNCTION",
        help="a function that returns an untrained keras.Model; the build trains it on the data",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="a folder of images (one folder a class), a .npz file or a .csv file",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="one class a line, in the model's order"
    )
    parser.add_argument(
        "--task",
        choices=["classification", "regression", "none"],
        help="what the targets are; by default it is found out. `none` has no targets",
    )
    parser.add_argument(
        "--target", metavar="NAME", help="array or column of the targets; by default found out"
    )
    parser.add_argument(
        "--allow-lambda",
        action="store_true",
        help="load Lambda layers, which are code in the file: it runs with your rights",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing, and take what is likely")


def run(args: argparse.Namespace) -> int:
    """Write and commit the files; nothing is left behind when something fails.

    Raises:
        LitemillError: the folder is not empty, the model or the data cannot be used, or Git
            refuses.
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
    request = _request(args, name)
    with tempfile.TemporaryDirectory(prefix="litemill-") as scratch:
        plan = _plan(request, Path(scratch), ask=not args.yes) if request else None
        wheel = running_wheel(Path(scratch))
        with atomic_replace(folder.resolve()) as fresh:
            fresh.mkdir()
            write_project(wheel, fresh, name)
            run_git(fresh, "init", "--quiet", "--initial-branch=main")
            large = _add_model(plan, fresh) if plan else []
            run_git(fresh, "add", "--all", *([] if large else ["--force"]))
            run_git(fresh, "commit", "--quiet", "--message", f"Start {name}", env=identity(fresh))
        if large:
            print(TRACKED.format(names=" and ".join(large)))
        what = f"{request.model_name} and {request.data_name}" if request else "Litemill's example"
        print(NEXT.format(folder=folder, what=what, version=version(wheel)))
    return 0


def _request(args: argparse.Namespace, name: str) -> ProjectRequest | None:
    """Return what was asked of model and data; None asks for the example."""
    from litemill.config.schema.prepare import Task
    from litemill.core.errors import ConfigError
    from litemill.scaffold.request import ProjectRequest, model_code, refuse_foreign_model

    given = [option for option in OF_MODEL if getattr(args, option) is not None]
    if not given:
        return None
    model = args.model is not None or args.model_code is not None
    if not model or args.data is None:
        found = f"found --{given[0].replace('_', '-')} without {'--data' if model else '--model'}"
        raise ConfigError("litemill init", found, "expected a model and its data")
    if args.model is not None:
        refuse_foreign_model(args.model)
    return ProjectRequest(
        project=name,
        model=args.model,
        code=model_code(args.model_code) if args.model_code is not None else None,
        data=args.data,
        labels=args.labels,
        task=Task[args.task] if args.task else None,
        target=args.target,
        allow_lambda=args.allow_lambda,
    )


def _plan(request: ProjectRequest, scratch: Path, *, ask: bool) -> Plan:
    from litemill.scaffold.investigate import investigate
    from litemill.scaffold.questions import Questions

    interactive = ask and sys.stdin.isatty() and sys.stdout.isatty()
    return investigate(request, Questions(interactive=interactive), scratch / "looked_at")


def _add_model(plan: Plan, fresh: Path) -> list[str]:
    """Write what the plan says; return what DVC keeps, because it is too large for Git."""
    from litemill.core.errors import LitemillError
    from litemill.release.clean import run_dvc
    from litemill.scaffold.project_files import write_project_files

    large = write_project_files(plan, fresh)
    if large:
        done = run_dvc(fresh, "add", "--quiet", *large)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["failed"])[-1]
            raise LitemillError("dvc add", reason)
    return large
