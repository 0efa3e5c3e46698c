"""Why one stage would run: dvc.lock against what is here, and what configure would write."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import PARAMS
from litemill.core.errors import ReleaseError, few
from litemill.pipeline.code_digest import CODE
from litemill.release.clean import run_git
from litemill.release.json_diff import MISSING, json_differences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dvc.stage import Stage

    from litemill.pipeline.resolved import Resolved

FEW = 3  # names in a line


@dataclass
class Reasons:
    """Why one stage would run."""

    stage: str  # its name
    own: list[str] = field(default_factory=list)  # what changed, a line each: it runs
    # Its outputs that are neither here nor in DVC's cache: it runs, or `dvc pull`.
    absent: list[str] = field(default_factory=list)
    # Its outputs that are not here, but in the cache: restored without a run.
    cached: list[str] = field(default_factory=list)
    # The stages before it that may run, and what it reads of each.
    waits: dict[str, str] = field(default_factory=dict)

    @property
    def is_stage(self) -> bool:
        """Return whether it is a stage of dvc.yaml, and not a file `.dvc`."""
        return not self.stage.endswith(".dvc")

    @property
    def runs(self) -> bool:
        """Return whether it runs for sure, unless `dvc pull` comes first."""
        return bool(self.own or self.absent)

    @property
    def stale(self) -> bool:
        """Return whether it may run at all."""
        return bool(self.runs or self.waits)


def stage_reasons(stage: Stage, resolved: Resolved, unsettled: Collection[str]) -> Reasons:
    """Compare a stage with dvc.lock.

    Args:
        stage: as DVC has it; a file `.dvc` is one as well.
        resolved: what configure writes.
        unsettled: dependencies that a stage before it makes anew, or that the cache restores.
    """
    reasons = Reasons(stage.addressing)
    for out in stage.outs:
        for path, status in out.status().items():
            if out.exists or not out.hash_info:
                reasons.own.append(f"{path}, an output: {status}")
            elif status == "deleted":
                reasons.cached.append(path)
            else:
                reasons.absent.append(path)
    if stage.cmd is None or stage.frozen:  # what a .dvc file tracks; nothing to run
        return reasons
    if not any(dep.hash_info for dep in stage.deps):
        return Reasons(stage.addressing, own=["never built (dvc.lock does not have it)"])
    changes = _changes(stage, resolved, unsettled)
    return Reasons(stage.addressing, [*changes, *reasons.own], reasons.absent, reasons.cached)


def _changes(stage: Stage, resolved: Resolved, unsettled: Collection[str]) -> Iterator[str]:
    from dvc.dependency.param import ParamsDependency

    if stage.changed_stage():
        yield "its command or outputs in dvc.yaml changed"
    for dep in stage.deps:
        name = str(dep)
        if isinstance(dep, ParamsDependency):
            yield from _value_changes(stage, dep, resolved)
        elif name == str(PARAMS):
            if resolved.rewritten or dep.status():
                change = "configure would change it" if resolved.rewritten else "modified"
                yield f"{PARAMS}: {change}"
        elif name not in unsettled:
            yield from _file_changes(dep)


def _value_changes(stage: Stage, dep: Any, resolved: Resolved) -> Iterator[str]:
    locked, code = dep.hash_info.value or {}, str(dep) == str(CODE)
    values = resolved.code if code else resolved.parameters
    for key in dep.params:
        value = _get(values, key)
        if key not in locked:
            yield f"{CODE if code else PARAMS}: {key}: a new dependency in dvc.yaml"
        elif code and locked[key] != value:
            yield from _code_changes(stage, locked[key], value, resolved)
        elif not code:
            yield from differences(locked[key], value, key)


def _code_changes(stage: Stage, before: Any, after: Any, resolved: Resolved) -> Iterator[str]:
    """Name the modules that changed, as far as Git knows: DVC has one digest of them all."""
    changed = list(differences(before, after))
    if any(line.startswith("code:") for line in changed):
        edited = set(_edited("."))
        files = [f for f in resolved.code_files(stage.name.partition("@")[0]) if f in edited]
        for folder, group in itertools.groupby(sorted(files, key=_folder), key=_folder):
            paths = list(group)
            names = [path.rpartition("/")[2] for path in paths]
            which = f"{folder}/: {few(names, FEW)}" if names[1:] else paths[0]
            yield f"its code: {which} modified"
        if not files:
            yield "its code: other modules"
    if any(line.startswith("files:") for line in changed):
        yield "its data: other files"


def _file_changes(dep: Any) -> Iterator[str]:
    for path, status in dep.status().items():
        files = _edited(path) if status == "modified" and dep.isdir() else []
        which = f" ({few(files, FEW)}; since dvc.lock was committed)" if files else ""
        yield f"{path}: {'a new dependency in dvc.yaml' if status == 'new' else status}{which}"


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _get(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part, MISSING) if isinstance(values, dict) else MISSING
    return values


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each value that differs between two trees: `train.fit.epochs: 20 -> 3`."""
    for where, old, new in json_differences(before, after, path, lists=False):
        yield f"{where}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    if value is MISSING:
        return "absent"
    # All of a variant that comes or goes would be a wall of text.
    return "…" if value and isinstance(value, dict) else repr(value)


def _edited(folder: str) -> list[str]:
    """List the files of a folder that differ from those of dvc.lock's last commit, as Git says."""
    commit = _git("log", "-1", "--format=%H", "--", "dvc.lock")
    if not commit:
        return []
    changed = _git("diff", "--name-only", "--relative", commit[0], "--", folder)
    return sorted({*changed, *_git("ls-files", "--others", "--exclude-standard", "--", folder)})


def _git(*words: str) -> list[str]:
    try:
        return run_git(Path.cwd(), *words).splitlines()
    except (ReleaseError, FileNotFoundError):
        return []
