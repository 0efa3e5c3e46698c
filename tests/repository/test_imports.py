from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from project import ROOT

from litemill.cli import main

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
TENSORFLOW = {"tensorflow", "keras", "tf_keras"}
HEAVY = TENSORFLOW | {"ai_edge_litert", "hydra", "pandas", "sklearn", "ray", "dvc", "matplotlib"}


def loaded(program):
    """Give the top-level packages that a program has imported when it ends."""
    code = (
        f"import sys\ntry:\n    {program}\nexcept SystemExit as error:\n    assert not error.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("name", PIPELINE)
def test_no_stage_imports_tensorflow_before_it_runs(name):
    """Not even those that need it: its settings come before its import."""
    assert TENSORFLOW.isdisjoint(loaded(f"import stages.{name}"))


@pytest.mark.parametrize("command", [[], *[[name] for name in main.COMMANDS]])
def test_every_help_answers_without_heavy_imports(command):
    """So that it answers at once."""
    words = ["litemill", *command, "--help"]

    found = loaded(f"sys.argv = {words!r}; from litemill.cli import main; main()")

    assert HEAVY.isdisjoint(found)


def test_every_module_of_the_command_line_imports_without_tensorflow():
    """Whichever subcommand it is."""
    names = [path.stem for path in (ROOT / "litemill").glob("*.py") if path.stem != "__main__"]

    assert TENSORFLOW.isdisjoint(loaded("import " + ", ".join(f"litemill.{n}" for n in names)))


def test_importing_any_stage_module_does_not_import_tensorflow():
    """It is a guest inside of functions; the worker and what runs in it are no exception."""
    names = [path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__"]

    assert TENSORFLOW.isdisjoint(loaded("import " + ", ".join(f"stages.{n}" for n in names)))
