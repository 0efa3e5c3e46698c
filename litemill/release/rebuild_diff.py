"""How two builds of the same commit differ: the first stage, the tensors, the values."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from litemill.release.assemble import content_digests
from litemill.release.json_diff import json_differences, short_json
from litemill.release.layout import LOCKS
from litemill.tflite.constants import constants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Array = np.ndarray[Any, np.dtype[Any]]


def rebuild_differences(before: Path, after: Path) -> list[str]:
    """List how the files of two releases differ, one line each; empty if they do not.

    Signatures are left out: nobody else can make the same one.
    """
    old, new = content_digests(before), content_digests(after)
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if not names:
        return []
    stages = _first_stages(_locked_stages(before), _locked_stages(after))
    lines = [f"first stage that differs: {stage} ({', '.join(outs)})" for stage, outs in stages]
    return lines + [line for name in names for line in _compare_file(before, after, name)]


def _locked_stages(folder: Path) -> dict[str, Any]:
    path = folder / LOCKS[0]
    return dict(yaml.safe_load(path.read_bytes())["stages"]) if path.is_file() else {}


def _first_stages(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    """Find the stages whose outputs differ though the outputs that they read do not."""
    before, after = _digests(old, "outs"), _digests(new, "outs")
    differ = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    for name in dict.fromkeys([*old, *new]):
        stage = old.get(name) or new[name]
        outs = [out["path"] for out in stage.get("outs", []) if out["path"] in differ]
        deps = [dep["path"] for dep in stage.get("deps", [])]
        if outs and not any(_overlap(path, dep) for path in differ for dep in deps):
            yield name, sorted(outs)


def _digests(stages: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {one["path"]: one["md5"] for stage in stages.values() for one in stage.get(kind, [])}


def _overlap(path: str, other_path: str) -> bool:
    one, other = PurePosixPath(path), PurePosixPath(other_path)
    return one == other or other in one.parents or one in other.parents


def _compare_file(before: Path, after: Path, name: str) -> Iterator[str]:
    old, new = before / name, after / name
    if not (old.is_file() and new.is_file()):
        yield f"{name}: {'missing in' if old.is_file() else 'only in'} the new build"
        return
    kinds = {".tflite": _compare_models, ".npy": _compare_arrays, ".json": _compare_json}
    compare = kinds.get(Path(name).suffix, _compare_bytes)
    lines = list(compare(old, new)) or list(_compare_bytes(old, new))
    yield from (f"{name}: {line}" for line in lines)


def _compare_models(old: Path, new: Path) -> Iterator[str]:
    before, after = constants(old.read_bytes()), constants(new.read_bytes())
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield f"tensor {name!r}: {'removed' if name in before else 'added'}"
        elif line := _compare_values(before[name], after[name]):
            yield f"tensor {name!r}: {line}"


def _compare_arrays(old: Path, new: Path) -> Iterator[str]:
    before, after = (np.load(path, allow_pickle=False) for path in (old, new))
    if line := _compare_values(before, after):
        yield line


def _compare_values(before: Array, after: Array) -> str:
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        one, other = f"{before.dtype} {before.shape}", f"{after.dtype} {after.shape}"
        return f"{other} instead of {one}"
    gap = np.abs(after.astype(np.float64) - before.astype(np.float64))
    count = int(np.sum((before != after) & ~(np.isnan(gap) & (before != before))))  # noqa: PLR0124
    if not count:
        return ""
    largest = float(np.nanmax(gap))
    return f"{before.dtype}, {count} of {before.size} values differ, by at most {largest:.6g}"


def _compare_json(old: Path, new: Path) -> Iterator[str]:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    differences = list(json_differences(before, after))
    if differences:
        path, one, other = differences[0]
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        yield f"{path}: {short_json(one)} -> {short_json(other)}{more}"


def _compare_bytes(old: Path, new: Path) -> Iterator[str]:
    before, after = old.read_bytes(), new.read_bytes()
    pairs = enumerate(zip(before, after, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(before), len(after)))
    line = before[:first].count(b"\n") + 1
    yield f"{len(before)} -> {len(after)} bytes, differ from byte {first} (line {line}) on"
