"""What points are made from, brought to the nodes of a cluster: each file once, by its content."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.files import sha256, tree_files
from stages.sweeping.inputs import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BLOCK = 64 << 20  # bytes that are sent at a time
CODE = ("stages", "metrics")


@cache
def files(build: Path) -> Mapping[str, tuple[Path, str]]:
    """Give path and SHA-256 of every file that a node needs, by its name there.

    The artifacts below build/, the parameters, and the code.
    """
    found = {f"build/{name}": path for part in FILES for name, path in _below(build, part)}
    found["build/params.yaml"] = build / "params.yaml"
    home = Path(__file__).resolve().parents[2]
    for package in CODE:
        root = Path.cwd() if (Path.cwd() / package).is_dir() else home
        code = _below(root, package)
        found |= {name: path for name, path in code if name.endswith(".py")}
    return {name: (path, sha256(path)) for name, path in sorted(found.items())}


def ship(listed: Mapping[str, tuple[Path, str]], actors: Sequence[Any]) -> None:
    """Bring each actor the files that it lacks, block by block; a block is stored once for all."""
    import ray

    paths = {digest: path for path, digest in listed.values()}
    lacking = [set(ray.get(actor.missing.remote(list(paths)))) for actor in actors]
    for digest, path in paths.items():
        wanting = [actor for actor, lacks in zip(actors, lacking, strict=True) if digest in lacks]
        for block, last in _blocks(path) if wanting else ():
            stored = ray.put(block)
            ray.get([actor.receive.remote(digest, stored, last=last) for actor in wanting])


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
