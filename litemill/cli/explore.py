"""`litemill explore`: open a variant in Model Explorer, with the error of each layer over it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

PROGRAM = "model-explorer"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Open a variant of the last build in Model Explorer, in a browser, with the error of each"
        " layer over its graph: white has the smallest, red the largest. Needs the extra `explore`,"
        " or the program model-explorer of another environment. Ctrl-C ends it."
    )
    parser.add_argument("variant", help="its name")
    parser.add_argument("--port", type=int, help="of the server (default: that of Model Explorer)")
    parser.add_argument(
        "--no-browser", action="store_true", help="start the server, and open no browser"
    )


def run(args: argparse.Namespace) -> int:
    """Run Model Explorer until it is ended; return its exit status.

    Raises:
        LitemillError: the variant is not built, or there is no Model Explorer.
    """
    model = _model(args.variant)
    command = [_program(), str(model)]
    if (overlay := _overlay(args.variant)).is_file():
        command.append(f"--node_data_paths={overlay}")
    else:
        print(f"{args.variant}: no layer was compared with the float file, so there is no overlay")
    if args.port is not None:
        command.append(f"--port={args.port}")
    if args.no_browser:
        command.append("--no_open_in_browser")
    return subprocess.run(command, check=False).returncode


def _model(variant: str) -> Path:
    from litemill.core.errors import LitemillError, nearest

    path = Path("build/convert") / variant / "model.tflite"
    if not path.is_file():
        built = [folder.name for folder in Path("build/convert").glob("*")]
        message = "build it with `dvc repro`"
        raise LitemillError(path, "no such file", nearest(variant, built) if built else message)
    return path


def _overlay(variant: str) -> Path:
    from litemill.config.release_name import overlay_name

    return Path("build/report/explore") / overlay_name(variant)


def _program() -> str:
    """Return the program of this environment, or else the first in PATH."""
    import shutil
    import sys

    from litemill.core.errors import ConfigError
    from litemill.core.extras import install

    beside = Path(sys.executable).with_name(PROGRAM)
    program = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    if program is None:
        raise ConfigError("litemill explore", f"no {PROGRAM}", install("model_explorer"))
    return program
