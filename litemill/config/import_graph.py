"""Which source files import which, and which a dotted name stands for; nothing is run."""

from __future__ import annotations

import ast
import itertools
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).resolve().parents[1]  # litemill/


def module_file(dotted: str, root: Path) -> Path | None:
    """Find the file of the innermost module in a dotted name, run nothing; None if there is none.

    The name's last part may be a function: `models.mine.build` gives models/mine/__init__.py.
    """
    import sys

    # Last, Litemill's own home: an editable installation is found by a hook, not by a path.
    search: list[str] | None = [
        str(root),
        *(path for path in sys.path if path not in ("", str(root))),
        str(PACKAGE.parent),
    ]
    innermost: Path | None = None
    parts = dotted.split(".")
    for count in range(1, len(parts) + 1):
        try:
            spec = PathFinder.find_spec(".".join(parts[:count]), search)
        except KeyError:  # a folder without __init__.py in a package that was not imported
            search = [str(Path(folder) / parts[count - 1]) for folder in search or ()]
            continue
        if spec is None:
            # All but the last part must be modules, or `models.mnie.build` would pass for models.
            return innermost if count == len(parts) or _installed(innermost, root) else None
        if spec.origin and spec.origin != "namespace":
            innermost = Path(spec.origin)
        if spec.submodule_search_locations is None:
            return innermost
        search = list(spec.submodule_search_locations)
    return innermost


def is_own(file: Path, root: Path) -> bool:
    """Return whether a file is the project's: below `root`, and not in an environment there."""
    return file.is_relative_to(root) and "site-packages" not in file.parts


def is_litemill(file: Path) -> bool:
    """Return whether a file is Litemill's, wherever it is installed."""
    return file.is_relative_to(PACKAGE)


class Graph:
    """Which source files import which: those of the project, and Litemill's."""

    def __init__(
        self,
        root: Path,
        skip: Callable[[str], bool] = lambda _: False,
        remember: Callable[[str, Path, Callable[[], list[str]]], list[str]] = lambda *a: a[-1](),
    ) -> None:
        """Start with nothing read.

        Args:
            root: the project.
            skip: whether a module, by its dotted name, is left out with all that it imports.
            remember: returns what the function that it gets computes for a name and a source file,
                or what it returned for the same content before.
        """
        self._root, self._skip, self._remember = root.resolve(), skip, remember
        self._imports: dict[Path, set[Path]] = {}
        self._trees: dict[Path, ast.Module] = {}
        self._files: dict[str, Path | None] = {}

    def name(self, file: Path) -> str:
        """Return the dotted name of a module, the same wherever it is installed."""
        home = PACKAGE.parent if is_litemill(file) else self._root
        parts = file.relative_to(home).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def tree(self, file: Path) -> ast.Module:
        """Return the syntax tree of a source file.

        Raises:
            ConfigError: it is not Python.
        """
        if file not in self._trees:
            self._trees[file] = parse_module(file, self._root)
        return self._trees[file]

    def closure(self, start: Path) -> set[Path]:
        """Return a source file and every other that it imports or starts, however deep.

        Raises:
            ConfigError: one of them is not Python.
        """
        reached: set[Path] = set()
        queue = [start.resolve(), *self._packages_above(start.resolve())]
        while queue:
            file = queue.pop()
            if file in reached or file.suffix != ".py" or not self._known(file):
                continue
            reached.add(file)
            if file not in self._imports:
                imports = self._remember(self.name(file), file, partial(self._names, file))
                names = {part for name in imports for part in _with_parents(name)}
                self._imports[file] = {path for name in names if (path := self._file(name))}
            queue += self._imports[file]
        return reached

    def _file(self, name: str) -> Path | None:
        if name not in self._files:
            path = module_file(name, self._root)
            # An installed package may be reached through a link, such as lib64.
            self._files[name] = path.resolve() if path else None
        return self._files[name]

    def _packages_above(self, file: Path) -> Iterator[Path]:
        # Whoever starts a module by its name runs the `__init__` of every package above it.
        for folder in file.parents[1:] if file.name == "__init__.py" else file.parents:
            package = folder / "__init__.py"
            if folder == self._root or not is_own(package, self._root):
                return
            if package.is_file() and has_code(package, self._root):
                yield package

    def _known(self, file: Path) -> bool:
        if not (is_own(file, self._root) or is_litemill(file)):
            return False
        return not self._skip(self.name(file))

    def _names(self, file: Path) -> list[str]:
        name = self.name(file)
        package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
        commands = b"-m" in file.read_bytes()
        return sorted({*_imports(self.tree(file), package, commands=commands)})


def closure(file: Path, root: Path) -> set[Path]:
    """Return a source file of a project and every other of it that it imports, however deep.

    Raises:
        ConfigError: one of them is not Python.
    """
    return Graph(root, skip=lambda name: name.partition(".")[0] == "litemill").closure(file)


def parse_module(file: Path, root: Path) -> ast.Module:
    """Parse a source file.

    Raises:
        ConfigError: it is not Python.
    """
    try:
        return ast.parse(file.read_bytes())
    except SyntaxError as error:
        name = file.relative_to(root) if file.is_relative_to(root) else file
        raise ConfigError(f"{name}:{error.lineno}", "not Python", error.msg) from None


def _imports(tree: ast.Module, package: list[str], *, commands: bool) -> Iterator[str]:
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        # Most of a tree are expressions, where only commands can be of interest.
        if is_type_checking(node) or (isinstance(node, ast.expr) and not commands):
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.List):
            yield from _started(node)


def _with_parents(name: str) -> Iterator[str]:
    # Importing a module runs the `__init__` of every package above it.
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _started(command: ast.List) -> Iterator[str]:
    # `python -m litemill.models.keras2_process` runs a module as surely as an import does.
    words = [node.value if isinstance(node, ast.Constant) else None for node in command.elts]
    for flag, name in itertools.pairwise(words):
        if flag == "-m" and isinstance(name, str):
            yield name


def has_code(file: Path, root: Path) -> bool:
    """Return whether a module does anything: an empty `__init__.py` changes nothing when edited."""
    return any(not isinstance(node, ast.Expr) for node in parse_module(file, root).body)


def is_type_checking(node: ast.AST) -> bool:
    """Return whether a statement is `if TYPE_CHECKING:`, which never runs."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _installed(file: Path | None, root: Path) -> bool:
    return file is not None and not is_own(file, root)
