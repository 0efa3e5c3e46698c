"""How a stage starts and ends: `python -m stages.convert int8`, as DVC runs it.

A stage that needs TensorFlow is handed to the worker that has imported it. This process imports
little before: it only waits for the worker, and a release has more than a dozen of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from litemill.config.parameters import parameters, section
from litemill.config.schema.numerics import Numerics
from litemill.core.errors import ConfigError, ErrorGroup
from litemill.core.exit_status import run_and_exit
from litemill.pipeline import declared_outputs
from litemill.pipeline.stage_table import STAGES, Stage
from litemill.runtime import environment, worker_client

if TYPE_CHECKING:
    from collections.abc import Callable

BY_SIGNAL = 130  # of higher statuses, as shells number them; 130 itself is Ctrl-C, handled


def run_stage(main: Callable[..., None]) -> NoReturn:
    """Run the stage whose module was started with `python -m`, and exit with its status.

    Args:
        main: the stage's function; takes the arguments of the command line.
    """
    run_and_exit(lambda: _run(main), on_failure=lambda: declared_outputs.clean_up(Path.cwd()))


def _run(main: Callable[..., None]) -> None:
    stage, arguments = _stage(main), sys.argv[1:]
    _check_arguments(stage, main, arguments)
    if stage.tensorflow:
        variables = environment.tensorflow_environment(parameters(Numerics, "numerics"))
        status = worker_client.run_in_worker(_module(main), variables)
        if status is not None:
            if status == 0:  # also where the process ended without a word
                declared_outputs.check_outputs(stage.name, arguments)
            _exit_as_child(status)
    if stage.toolchain is not None:
        refuse_other_toolchain(stage.name)
    declared_outputs.run_to_completion(stage.name, main, arguments)


def _module(main: Callable[..., None]) -> str:
    """Return the dotted name of the module that was started, such as stages.convert."""
    spec: Any = sys.modules[main.__module__].__spec__
    return str(spec.name)


def _stage(main: Callable[..., None]) -> Stage:
    module = _module(main)
    name = module.rpartition(".")[2]
    code = main.__code__
    argument = f"a {code.co_varnames[0]}" if code.co_argcount else None
    # A stage of the project's own needs no entry in the table.
    return STAGES.get(name) or Stage(name=name, argument=argument)


def _check_arguments(stage: Stage, main: Callable[..., None], arguments: list[str]) -> None:
    if len(arguments) != (stage.argument is not None):
        given = " ".join(arguments) or "nothing"
        expected = f"expected {stage.argument or 'nothing'}"
        raise ConfigError(f"python -m {_module(main)}", given, expected)


def refuse_other_toolchain(stage: str) -> None:
    """Refuse to run a stage in another environment than its parameters were resolved for.

    Raises:
        ErrorGroup: packages of other versions than requirements.lock pins.
    """
    from litemill.config.toolchain import version_mismatches

    pinned = (section() or {}).get("toolchain", {})
    if errors := version_mismatches(pinned.get(stage, {})):
        raise ErrorGroup(errors)


def _exit_as_child(status: int) -> NoReturn:
    """Exit with the status of the worker's child, which cleans up unless a signal ended it."""
    hint = declared_outputs.clean_up(Path.cwd()) if status else ""
    if hint and status > BY_SIGNAL:
        print(hint, file=sys.stderr)
    sys.exit(status)
