"""docs/private_api.md lists every private interface of other packages that the code uses."""

from __future__ import annotations

import ast
import re

import pytest
from project import ROOT, sources

PAGE = ROOT / "docs/private_api.md"
CODE = ("litemill/", "stages/", "models/", "data/")
# What these packages do not promise to keep: TensorFlow and Keras name it so, and DVC's API is
# dvc.api alone.
PRIVATE = re.compile(
    r"(tensorflow\.(python|core|compiler|lite\.python)|keras\.src|dvc\.(?!api\b)\w+)[\w.]*"
)
MANGLED = re.compile(r"_ZG?V?Z?\w+")  # C++ symbols
PUBLIC = {"_exit", "_fields", "_fields_", "_asdict", "_replace", "_make"}  # documented by Python
FILES = re.compile(r"dvc\.(lock|yaml)")
ROW = re.compile(r"\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \| `([^`]+)` \|")


def uses(tree):
    """Yield each private name that a module uses: an attribute, a module, a symbol, a library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield from _attribute(node)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module for _ in [0] if PRIVATE.fullmatch(node.module))
            yield from (a.name for a in node.names if _is_private(a.name) and node.level == 0)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if PRIVATE.fullmatch(alias.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield from _text(node.value)


def _attribute(node):
    if node.attr == "CDLL":
        yield "ctypes.CDLL"
    own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    if _is_private(node.attr) and not own:
        yield node.attr


def _is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def _text(value):
    text = value if isinstance(value, str) else value.decode("latin-1")
    if MANGLED.fullmatch(text) or (PRIVATE.fullmatch(text) and not FILES.fullmatch(text)):
        yield text


def found():
    """Collect all uses, as pairs of name and file."""
    names = [n for n in sources() if n.startswith(CODE) and n.endswith(".py")]
    trees = {name: ast.parse((ROOT / name).read_bytes()) for name in names}
    return {(use, name) for name, tree in trees.items() for use in uses(tree)}


def listed():
    """Read the rows of the page: name, file, what would break, and the test that notices."""
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_private_interface_in_use_is_listed():
    """With the file that uses it; and nothing is listed that nobody uses any more."""
    assert sorted(found()) == sorted((name, file) for name, file, _, _ in listed())


def test_every_row_names_a_test_that_exists():
    """The one that fails when the interface is gone."""
    for name, _, breaks, test in listed():
        file, _, function = test.partition("::")
        assert breaks.strip(), name
        assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), test


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (
            "from tensorflow.lite.python.convert import mlir_quantize",
            "tensorflow.lite.python.convert",
        ),
        ("import keras.src.utils", "keras.src.utils"),
        ("from dvc.repo import Repo", "dvc.repo"),
        ("converter._quantize = None", "_quantize"),
        ("from argparse import _Parser", "_Parser"),
        ("LIBRARIES = ['tensorflow.python.eager']", "tensorflow.python.eager"),
        ("SYMBOL = b'_ZZN5Eigen8internal'", "_ZZN5Eigen8internal"),
        ("ctypes.CDLL(None).prctl(1)", "ctypes.CDLL"),
    ],
)
def test_every_kind_of_use_is_noticed(code, name):
    """However it is written."""
    assert [name] == list(uses(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ["self._x", "import tensorflow.lite", "from dvc.api import open", "os._exit(1)", "'dvc.lock'"],
)
def test_what_is_public_is_not(code):
    """Or our own."""
    assert [] == list(uses(ast.parse(code)))
