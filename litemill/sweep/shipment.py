"""What points are made from, brought to the nodes of a cluster: each file once, by its content."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import PACKAGE
from litemill.config.parameters import section
from litemill.core.files import sha256, tree_files
from litemill.sweep.inputs import FILES, score_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

BLOCK = 64 << 20  # bytes that are sent at a time


@cache
def files(build: Path) -> Mapping[str, tuple[Path, str]]:
    """List every file that a node needs: by its name there, its path here and its SHA-256.

    The artifacts below build/, among them the code that a model brings; the parameters; the code
    of Litemill, wherever it is installed, and of the score, wherever in the project it lies.
    """
    needed = {f"build/{name}": path for part in FILES for name, path in _below(build, part)}
    needed["build/params.json"] = build / "params.json"
    code = _below(PACKAGE.parent, PACKAGE.name)
    needed |= {name: path for name, path in code if path.suffix == ".py"}
    needed |= score_modules(section("validate", path=build / "params.json"))
    return {name: (path, sha256(path)) for name, path in sorted(needed.items())}


def ship(
    listed: Mapping[str, tuple[Path, str]],
    nodes: Sequence[Any],
    ask: Callable[..., Iterator[tuple[Any, Any]]],
    put: Callable[[bytes], Any] = lambda block: block,
) -> None:
    """Bring each node the files that it lacks, block by block.

    Args:
        listed: path and SHA-256 of each file, by name.
        nodes: where to bring them; one that no longer answers gets no more.
        ask: calls a method of several nodes; yields each that answers, with its answer.
        put: stores a block once for all nodes, and returns what stands for it.
    """
    paths = {digest: path for path, digest in listed.values()}
    lacking = [(one, set(missing)) for one, missing in ask(nodes, "missing", list(paths))]
    for digest, path in paths.items():
        wanting = [one for one, lacks in lacking if digest in lacks]
        for block, last in _blocks(path) if wanting else ():
            wanting = [one for one, _ in ask(wanting, "receive", digest, put(block), last=last)]


def _blocks(path: Path) -> Iterator[tuple[bytes, bool]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            yield block, file.tell() == size
            if file.tell() == size:
                return


def _below(root: Path, part: str) -> Iterator[tuple[str, Path]]:
    if (root / part).is_file():
        yield part, root / part
    elif (root / part).is_dir():
        for name in tree_files(root / part):
            yield f"{part}/{name}", root / part / name
