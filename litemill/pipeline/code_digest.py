"""What code and files each stage runs on: the digests in build/code.json, on which stages depend.

DVC would take each module as a dependency of its own, some forty for every stage and variant, and
would rerun a stage for a comment. So configure depends on the folders, and digests what they mean:
the syntax of every module that a stage reaches by imports or by a `_target_` of the configuration,
in the project and in the installed package, and the files that lie beside Litemill's modules. What
only starts a stage, or says what went wrong, does not count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from litemill.config import import_graph
from litemill.core.files import sha256
from litemill.pipeline.file_digests import FileDigests
from litemill.pipeline.module_facts import ModuleFacts
from litemill.pipeline.stage_table import STAGES
from litemill.pipeline.syntax_digest import syntax_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CODE = Path("build/code.json")
# What starts a stage or puts its files in place, and reaches nothing that is in them.
LAUNCHERS = (
    "litemill.cli",
    "litemill.core.atomic_files",
    "litemill.core.exchange",
    "litemill.core.exit_status",
    "litemill.pipeline",
    "litemill.runtime.capture_output",
    "litemill.runtime.malloc_tuning",
    "litemill.runtime.tensorflow_import",
    "litemill.runtime.unix_socket",
    "litemill.runtime.worker_",
)
# The words of a failure, which only some stages write into their outputs.
ERRORS = "litemill.core.errors"
# Beside modules, but not read by them.
_NOT_READ = (".md", ".py", ".pyc", ".pyi", ".typed")


@dataclass(frozen=True)
class Reached:
    """What the configuration adds to a stage."""

    # Dotted names that it calls, such as models.mine.build.
    targets: list[str] = field(default_factory=list)
    # Files and folders that it reads, relative to the project.
    paths: list[str] = field(default_factory=list)


def stage_digests(root: Path, reached: Mapping[str, Reached]) -> dict[str, dict[str, str]]:
    """Compute for each stage after configure the digest of its code and, if any, of its files.

    Raises:
        ConfigError: a module is not Python.
    """
    facts, data = ModuleFacts(root), FileDigests(root)
    code = _CodeDigests(root, facts)
    digests = {}
    own = {path.stem for path in (root / "stages").glob("[!_]*.py")} - {*STAGES}
    for stage in (*STAGES, *sorted(own)):
        if stage == "configure":
            continue
        more = reached.get(stage, Reached())
        digests[stage] = {"code": code.digest(modules(stage, root, more.targets, code.graph))}
        if more.paths:
            digests[stage]["files"] = _sha256(data.data(more.paths))
    data.save()
    facts.save()
    return digests


def module_digest(name: str) -> str:
    """Compute the digest of the code that a module of Litemill runs, such as litemill.sweep.job."""
    code = _CodeDigests(import_graph.PACKAGE.parent, ModuleFacts(Path.cwd()))
    start = import_graph.PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")
    files = {code.graph.name(file): file for file in code.graph.closure(start)}
    return code.digest(dict(sorted(files.items())))


def modules(
    stage: str, root: Path, targets: Iterable[str], graph: import_graph.Graph | None = None
) -> dict[str, Path]:
    """Find the modules whose behaviour can reach a stage's outputs, by dotted name, sorted."""
    graph = graph or import_graph.Graph(root, skip=is_launcher)
    starts = [root / "stages" / f"{stage}.py"]
    starts += [file for name in targets if (file := import_graph.module_file(name, root))]
    reached = {graph.name(file): file for start in starts for file in graph.closure(start)}
    if stage in STAGES and not STAGES[stage].records_errors:
        reached.pop(ERRORS, None)
    return dict(sorted(reached.items()))


def is_launcher(module: str) -> bool:
    """Return whether a module only starts stages."""
    return module.startswith(LAUNCHERS)


class _CodeDigests:
    """Digests of modules, each of which is read and digested once."""

    def __init__(self, root: Path, facts: ModuleFacts) -> None:
        self.graph = import_graph.Graph(root, skip=is_launcher, remember=facts.remember)
        self._facts = facts
        self._contents: dict[Path, str] = {}

    def digest(self, modules: Mapping[str, Path]) -> str:
        files = dict(_files_beside(modules))
        lines = [f"{name} {self._syntax(file)}\n" for name, file in modules.items()]
        lines += [f"{name} {self._content(file)}\n" for name, file in sorted(files.items())]
        return _sha256(lines)

    def _syntax(self, file: Path) -> str:
        return self._facts.remember("syntax", file, partial(self._compute, file))[0]

    def _compute(self, file: Path) -> list[str]:
        return [syntax_digest(self.graph.tree(file))]

    def _content(self, file: Path) -> str:
        if file not in self._contents:
            self._contents[file] = sha256(file)
        return self._contents[file]


def _files_beside(modules: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield templates and the like beside Litemill's modules, named by their packages."""
    for name, file in modules.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        if package.startswith("litemill."):
            for path in _data_files(file.parent):
                yield f"{package}/{path.relative_to(file.parent).as_posix()}", path


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield the files that no Python is, of a folder and of those in it that are no packages."""
    for path in folder.iterdir():
        if path.name.startswith((".", "__")):
            continue
        if path.is_file() and path.suffix not in _NOT_READ:
            yield path
        elif path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)


def _sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()
