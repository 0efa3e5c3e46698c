from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from litemill.pipeline.syntax_digest import syntax_digest

SOURCE = '''\
"""A docstring."""
import typing as t
from . import beside

LIMIT: t.Final = 1e-300 + 2j + 0xFF + 10**3
TEXT = f"a{LIMIT!r:>{10}}b" "c" f"{{x}}{LIMIT=}" "\\N{BULLET} \\U000116b9 \\ud800"
BYTES = b"\\x00" rb"\\d"

@t.final
class Shape(beside.Base, metaclass=type):
    """Another one."""

    def area(self, /, width=1, *rest, height: int = ..., **more) -> int:
        """And another."""
        global LIMIT
        match width:
            case [1, *_] | {"a": x, **y} if x: return -x
            case Shape(area=z) as w: pass
            case _: assert not rest, f"{width}"
        try:
            with open(width) as a, open(a): del a[1:2, ...]
        except* (ValueError, OSError) as error: raise error from None
        else: return (yield)
        return [i async for i in more] if (n := 3) else lambda *, k=None: await_(k)

async def main(): await main()
'''
DIGEST = "0022ebbfbf15bce2"


def digest(code):
    """Digest a module's text."""
    return syntax_digest(ast.parse(code))


@pytest.mark.parametrize(
    "same",
    [
        "def f(x):\n    return x  # a remark\n",
        'def f(x):\n    """Say."""\n\n    return (x)\n',
        '"""Module."""\n\n\ndef f(\n    x,\n):\n    return x',
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\ndef f(x): return x",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(same):
    """Nor do imports for type checkers."""
    plain = "def f(x): return x"
    imports = "from typing import TYPE_CHECKING\n" if "TYPE_CHECKING" in same else ""

    assert digest(imports + plain) == digest(same)


@pytest.mark.parametrize(
    "other",
    ["def f(x): return y", "def f(x=1): return x", "def f(x): return x; 1", "f = lambda x: x"],
)
def test_code_counts(other):
    """Whatever Python would do otherwise."""
    assert digest("def f(x): return x") != digest(other)


@pytest.mark.parametrize(("left", "right"), [("1", "1.0"), ("'1'", "b'1'"), ("1", "True")])
def test_constants_of_other_types_are_others(left, right):
    """Though they compare equal."""
    assert digest(left) != digest(right)


def test_the_digest_of_every_syntax_is_the_same_under_each_python():
    """Whichever runs these tests: dvc.lock holds such digests."""
    assert DIGEST == digest(SOURCE)[:16]


def pythons():
    """List the interpreters of other supported versions that are installed here."""
    names = [f"python3.{minor}" for minor in (11, 12, 13)]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for name in names for path in sorted(home.glob(f"*/bin/{name}"))]
    found += [path for name in names if (path := shutil.which(name))]
    return [path for path in dict.fromkeys(found) if _starts(path)]


def _starts(python):
    # A shim may be there for a version that is not.
    return 0 == subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode


PROGRAM = """\
import ast, pathlib, sys
sys.path.insert(0, sys.argv[1])
from litemill.pipeline.syntax_digest import syntax_digest
for file in sorted(pathlib.Path(sys.argv[1], "litemill").rglob("*.py")):
    print(file, syntax_digest(ast.parse(file.read_bytes())))
"""


def test_each_installed_python_digests_the_package_alike():
    """All its modules; where only one Python is installed, the constant above has to do."""
    outputs = set()
    for python in {*pythons(), sys.executable}:
        command = [python, "-I", "-c", PROGRAM, str(ROOT)]
        outputs.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert 1 == len(outputs)
    assert len(next(iter(outputs)).splitlines()) > 100
