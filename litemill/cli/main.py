"""`litemill`: one subcommand a module, found by name; nothing heavy is imported before it runs.

Exit status: 0 done, 1 failed (one line says why), 2 the command line is wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NoReturn

from litemill.core.exit_status import run_and_exit
from litemill.core.version import VERSION

# The commands in the order of --help: module of this package -> what it is for.
COMMANDS = {
    "configure": "check conf/ and params.yaml, and show what a change means",
    "build": "build what changed, the variants in parallel",
    "explain": "show why a stage would run",
    "list": "list the choices of conf/",
    "show": "show the verdicts of the last build",
    "report": "show where the report is, or write a page over all releases",
    "convert": "convert one model file to a .tflite file, as tflite_convert does",
    "benchmark": "measure how fast the variants are on this machine",
    "improve": "find a way to make a variant that meets its limits",
    "sensitivity": "measure how much a variant depends on its calibration samples",
    "sweep": "try many conversions, and see which are worth it",
    "inspect": "describe a .tflite file",
    "explore": "open a variant in Model Explorer, with the error of each layer",
    "release": "put the build of this commit into one archive, with the evidence",
    "verify": "check a release, offline",
    "compare": "show what changed between two releases",
    "init": "start a project of your own",
    "update": "take over a newer Litemill into a project",
    "completion": "print a script for the completion of bash or zsh",
    "audit": "check whether a .tflite file is a faithful conversion of a model",
}
# `list` is a builtin's name, so that its module is called otherwise.
_MODULES = {"list": "choices"}


def complete() -> argparse.ArgumentParser:
    """Build the parser with the arguments of every command."""
    return parser(*COMMANDS)


def parser(*wanted: str) -> argparse.ArgumentParser:
    """Build the parser, with the arguments of the `wanted` commands: others stay unimported."""
    top = argparse.ArgumentParser(
        prog="litemill",
        description="Release builds of TensorFlow Lite models. `dvc repro` builds them.",
    )
    top.add_argument("--version", action="version", version=f"litemill {VERSION}")
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for name, purpose in COMMANDS.items():
        sub = commands.add_parser(
            name, help=purpose, description=purpose[0].upper() + purpose[1:] + "."
        )
        if name in wanted:
            module = importlib.import_module(f"litemill.cli.{_MODULES.get(name, name)}")
            module.configure(sub)
            sub.set_defaults(run=module.run)
    return top


def main() -> None:
    """Run the subcommand that the command line names."""
    run_and_exit(_run)


def _run() -> NoReturn:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    arguments = parser(*words[:1]).parse_args()
    sys.exit(arguments.run(arguments))
