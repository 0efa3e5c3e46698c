"""Run a stage as DVC does: `python -m stages convert int8`.

Stages that need TensorFlow are handed to the worker that has imported it. This process imports
little before: it only waits for the worker, and a release has more than a dozen of them.
"""

from __future__ import annotations

import importlib
import sys

from stages import variables, warm
from stages.errors import ConfigError, nearest
from stages.run import parameters, refuse_other_toolchain, run
from stages.schema.numerics import Numerics

# What each stage is asked for by name, if anything.
STAGES = {
    "configure": None,
    "prepare": None,
    "train": None,
    "export": None,
    "convert": "a variant",
    "validate": "a variant",
    "report": None,
    "gate": None,
    "package": None,
    "sweep": "a sweep",
}
WITH_TENSORFLOW = ("train", "export", "convert")
# Their output does not depend on the version of any package.
WITH_ANY_TOOLCHAIN = ("configure", "report", "gate")


def main() -> None:
    """Run the stage that the command line names.

    Raises:
        ConfigError: there is no such stage, or its name is not all that it takes.
    """
    stage, arguments = asked(sys.argv[1:])
    if stage in WITH_TENSORFLOW:
        status = warm.run("stages", variables.of(parameters(Numerics, "numerics")))
        if status is not None:
            sys.exit(status)
    if stage not in WITH_ANY_TOOLCHAIN:
        refuse_other_toolchain(stage)
    importlib.import_module(f"stages.{stage}").main(*arguments)


def asked(words: list[str]) -> tuple[str, list[str]]:
    """Give the stage that a command line names, and its arguments."""
    stage, arguments = "".join(words[:1]), words[1:]
    if stage not in STAGES:
        raise ConfigError("python -m stages", f"no stage {stage!r}", nearest(stage, STAGES))
    takes = STAGES[stage]
    if len(arguments) != (takes is not None):
        found = " ".join(arguments) or "nothing"
        raise ConfigError(f"python -m stages {stage}", found, f"expected {takes or 'nothing'}")
    return stage, arguments


if __name__ == "__main__":
    run(main)
