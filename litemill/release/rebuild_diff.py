"""How two builds of the same commit differ: which stage first, which tensor, how far."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from litemill.release.assemble import content_digest
from litemill.release.constants import constants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

LONGEST = 80  # characters of a value


def rebuild_differences(before: Path, after: Path) -> list[str]:
    """Tell how the files of two releases differ, one line a finding; nothing: they do not.

    Signatures are left out: nobody else can make the same one.

    Args:
        before: folder with the release's files.
        after: folder with those of another build.
    """
    old, new = content_digest(before), content_digest(after)
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if not names:
        return []
    stages = _first(_locked(before), _locked(after))
    told = [f"first stage that differs: {stage} ({', '.join(outs)})" for stage, outs in stages]
    return told + [line for name in names for line in _file(before, after, name)]


def _locked(folder: Path) -> dict[str, Any]:
    path = folder / "dvc.lock"
    return dict(yaml.safe_load(path.read_bytes())["stages"]) if path.is_file() else {}


def _first(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Give the stages whose outputs differ though all outputs that they read are the same."""
    before, after = _digests(old, "outs"), _digests(new, "outs")
    differ = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    for name in dict.fromkeys([*old, *new]):
        stage = old.get(name) or new[name]
        outs = [one["path"] for one in stage.get("outs", []) if one["path"] in differ]
        reads = [one["path"] for one in stage.get("deps", [])]
        if outs and not any(_within(path, read) for path in differ for read in reads):
            yield name, sorted(outs)


def _digests(stages: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {one["path"]: one["md5"] for stage in stages.values() for one in stage.get(kind, [])}


def _within(path: str, folder: str) -> bool:
    one, other = PurePosixPath(path), PurePosixPath(folder)
    return one == other or other in one.parents or one in other.parents


def _file(before: Path, after: Path, name: str) -> Iterator[str]:
    old, new = before / name, after / name
    if not (old.is_file() and new.is_file()):
        yield f"{name}: {'missing in' if old.is_file() else 'only in'} the new build"
        return
    kinds = {".tflite": _model, ".npy": _array, ".json": _document}
    found = list(kinds.get(Path(name).suffix, _bytes)(old, new)) or list(_bytes(old, new))
    yield from (f"{name}: {told}" for told in found)


def _model(old: Path, new: Path) -> Iterator[str]:
    before, after = constants(old.read_bytes()), constants(new.read_bytes())
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield f"tensor {name!r}: {'gone' if name in before else 'new'}"
        elif told := _values(before[name], after[name]):
            yield f"tensor {name!r}: {told}"


def _array(old: Path, new: Path) -> Iterator[str]:
    before, after = (np.load(path, allow_pickle=False) for path in (old, new))
    if told := _values(before, after):
        yield told


def _values(before: Array, after: Array) -> str:
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        one, other = f"{before.dtype} {before.shape}", f"{after.dtype} {after.shape}"
        return f"{other} instead of {one}"
    gap = np.abs(after.astype(np.float64) - before.astype(np.float64))
    count = int(np.sum((before != after) & ~(np.isnan(gap) & (before != before))))  # noqa: PLR0124
    if not count:
        return ""
    far = float(np.nanmax(gap))
    return f"{before.dtype}, {count} of {before.size} values differ, at most {far:.6g} apart"


def _document(old: Path, new: Path) -> Iterator[str]:
    before, after = (json.loads(path.read_bytes()) for path in (old, new))
    rows = list(_keys(before, after))
    if rows:
        place, one, other = rows[0]
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        yield f"{place}: {_short(one)} -> {_short(other)}{more}"


def _keys(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _keys(before.get(key), after.get(key), f"{place}.{key}" if place else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _keys(*pair, f"{place}[{number}]")
    elif before != after:
        yield place, before, after


def _bytes(old: Path, new: Path) -> Iterator[str]:
    before, after = old.read_bytes(), new.read_bytes()
    pairs = enumerate(zip(before, after, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(before), len(after)))
    line = before[:first].count(b"\n") + 1
    yield f"{len(before)} -> {len(after)} bytes, other from byte {first} (line {line}) on"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
