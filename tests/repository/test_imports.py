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
    """Return the top-level packages that a program has imported when it ends."""
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

    found = loaded(f"sys.argv = {words!r}; from litemill.cli.main import main; main()")

    assert HEAVY.isdisjoint(found)


def test_no_module_imports_tensorflow_before_it_is_called():
    """It is a guest inside of functions; the worker and what runs in it are no exception."""
    files = [path.relative_to(ROOT) for path in (ROOT / "litemill").rglob("*.py")]
    names = [
        ".".join(path.with_suffix("").parts)
        for path in files
        if path.name not in ("__main__.py", "__init__.py") and "template" not in path.parts
    ]

    assert TENSORFLOW.isdisjoint(loaded("import " + ", ".join(sorted(names))))
