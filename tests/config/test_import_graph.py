from __future__ import annotations

import subprocess
import sys

import pytest
from project import ROOT

from litemill.config.import_graph import closure, module_file
from litemill.config.target_check import check_target
from litemill.core.errors import ConfigError

SOURCE = """
from json import loads
import os.path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models import typing_only

limit = 3
typed: int = 4

try:
    import fast
except ImportError:
    slow = None

def build(size):
    inner = size
    from models.late import layer
    return inner

async def later(): ...

class Net:
    def method(self): ...
"""


@pytest.fixture
def root(tmp_path):
    """Return a project with one model."""
    files = {
        "models/__init__.py": "",
        "models/mine/__init__.py": SOURCE,
        "models/mine/parts.py": "from . import shared\n",
        "models/mine/shared.py": "from ..late import layer\n",
        "models/late.py": "layer = 1\n",
        "models/star.py": "from models.mine.parts import *\n",
        "models/broken.py": "def build(:\n",
        "models/caller.py": "command = ['python', '-m', 'models.late', 'argument']\n",
        "models/typing_only.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(paths, root):
    """Return paths as relative names."""
    return sorted(path.relative_to(root).as_posix() for path in paths)


@pytest.mark.parametrize(
    "target",
    [
        "models.mine.build",
        "models.mine.later",
        "models.mine.Net",
        "models.mine.limit",
        "models.mine.typed",
        "models.mine.loads",
        "models.mine.slow",
        "models.mine.fast",
        "models.star.anything",
        "keras.optimizers.Adam",
        "json.loads",
        "math.floor",
    ],
)
def test_a_target_that_imports_passes(root, target):
    """Functions, classes, values, and what an installed package may make at run time."""
    check_target(target, "here", root)


@pytest.mark.parametrize(
    ("target", "reported"),
    [
        ("models.mine.biuld", "no 'biuld' in models/mine/__init__.py; did you mean 'build'?"),
        (
            "models.mine.inner",
            "no 'inner' in models/mine/__init__.py; expected one of: Net, build,",
        ),
        ("models.mine.method", "no 'method' in models/mine/__init__.py; "),
        ("models.mines.build", "no module of that name; did you mean 'mine'?"),
        ("modles.mine.build", "no module of that name; expected a module in this project or"),
        ("models.mine.build.x.y", "no module of that name"),
        ("build", "'build'; expected a dotted name such as models.mine.build"),
        (7, "7; expected a dotted name"),
        (None, "None; expected a dotted name"),
    ],
)
def test_a_target_that_does_not_import_is_refused(root, target, reported):
    """With the nearest name."""
    with pytest.raises(ConfigError) as refused:
        check_target(target, "here", root)

    assert str(refused.value).startswith("here: ")
    assert reported in str(refused.value)


def test_code_that_is_no_python_is_reported_with_its_line(root):
    """Not with a traceback of ours."""
    with pytest.raises(ConfigError, match=r"^models/broken\.py:1: not Python; invalid syntax"):
        check_target("models.broken.build", "here", root)


def test_check_imports_nothing():
    """Neither TensorFlow nor the code of the model runs in configure."""
    code = (
        "import sys; from pathlib import Path\n"
        "from litemill.config.target_check import check_target\n"
        "names = 'models.digits_cnn.build', 'keras.optimizers.Adam', 'litemill.metrics.top1'\n"
        "for target in names:\n"
        "    check_target(target, 'here', Path.cwd())\n"
        "heavy = {'tensorflow', 'keras', 'models', 'numpy', 'metrics'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )

    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_module_file_is_that_of_the_innermost_module(root):
    """The rest of a dotted name is looked up in it."""
    assert root / "models/mine/__init__.py" == module_file("models.mine.build", root)
    assert root / "models/mine/parts.py" == module_file("models.mine.parts", root)
    assert None is module_file("models.nothing.build", root)


def test_closure_follows_imports_however_deep(root):
    """Relative ones, those inside of functions, `import *`, and the packages above."""
    found = names(closure(root / "models/star.py", root), root)

    assert [
        "models/__init__.py",
        "models/late.py",
        "models/mine/__init__.py",
        "models/mine/parts.py",
        "models/mine/shared.py",
        "models/star.py",
    ] == found


def test_closure_leaves_out_what_only_annotations_need(root):
    """Editing it changes no result."""
    found = names(closure(root / "models/mine/__init__.py", root), root)

    assert ["models/__init__.py", "models/late.py", "models/mine/__init__.py"] == found


def test_closure_has_the_modules_that_are_started_as_programs(root):
    """`python -m` runs code as an import does."""
    found = names(closure(root / "models/caller.py", root), root)

    assert ["models/__init__.py", "models/caller.py", "models/late.py"] == found


def test_closure_ends_where_the_project_ends(root):
    """Installed packages are pinned, not watched."""
    assert set() == closure(root / "models/mine/__init__.py", root / "elsewhere")


def test_module_file_follows_folders_without_init_inside_a_package(tmp_path):
    """As the package tflite-micro is laid out; the package itself need not be imported."""
    (tmp_path / "outer_package/inner").mkdir(parents=True)
    (tmp_path / "outer_package/__init__.py").touch()
    module = tmp_path / "outer_package/inner/leaf.py"
    module.write_text("x = 1\n")
    assert module == module_file("outer_package.inner.leaf.x", tmp_path)


def test_closure_has_the_packages_above_that_do_something(root):
    """Whoever imports a module runs them; one without code changes nothing."""
    late = root / "models/late.py"
    (root / "models/__init__.py").write_text('"""Models."""\n')
    assert ["models/late.py"] == names(closure(late, root), root)
    (root / "models/__init__.py").write_text("SIZE = 1\n")
    assert ["models/__init__.py", "models/late.py"] == names(closure(late, root), root)
