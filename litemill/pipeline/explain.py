"""Why DVC would run a stage: its own status, with the parameters that configure would write.

`dvc status` compares dvc.lock with the files that are there. build/params.json is one of them, so
DVC does not see what an edit in conf/ means before configure has run; here it is composed in
memory. Everything else is DVC's own answer.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import PARAMS, section
from litemill.config.selection import read_selection
from litemill.core.errors import ConfigError, nearest
from litemill.pipeline.code_digest import digests, modules
from litemill.pipeline.configure import CODE, configure, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dvc.repo import Repo
    from dvc.stage import Stage

CONFIGURE = "configure"


@dataclass
class Reasons:
    """Why one stage would run."""

    stage: str
    own: list[str] = field(default_factory=list)  # it runs for sure
    waits: dict[str, str] = field(default_factory=dict)  # stages before it, and what it reads there

    @property
    def stale(self) -> bool:
        """Tell whether it may run at all."""
        return bool(self.own or self.waits)


@dataclass(frozen=True)
class Plan:
    """What `dvc repro` would do: stages in its order, and those that were asked about."""

    stages: dict[str, Reasons]
    targets: list[str]


def explain_stages(target: str | None = None) -> Plan:
    """Find out why the stages would run that `target` needs, or all of them.

    Args:
        target: a stage (`validate@int8`), a group of them (`validate`), or an output's path.

    Raises:
        LitemillError: there is no such target; DVC cannot read the pipeline; the configuration is
            wrong, so that configure would fail.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    # DVC's own message for `variants: null` names neither the file nor the key.
    read_selection(Path.cwd())
    try:
        with Repo() as repo:
            stages = list(_ordered(repo))
            targets = [s.addressing for s in (_found(repo, target) if target else stages)]
            owners = {str(out): stage.addressing for stage in stages for out in stage.outs}
            needed = _needed(stages, owners, targets)
            return Plan(_reasons([s for s in stages if s.addressing in needed], owners), targets)
    except DvcException as error:
        raise ConfigError("dvc.yaml", str(error), "`dvc status` tells more") from None


def _ordered(repo: Repo) -> Iterator[Stage]:
    from networkx import lexicographical_topological_sort

    # DVC's edges lead from a stage to those that it needs.
    number = {stage: i for i, stage in enumerate(repo.index.stages)}
    graph = repo.index.graph.reverse()
    yield from lexicographical_topological_sort(graph, key=lambda stage: number[stage])


def _found(repo: Repo, target: str) -> list[Stage]:
    from dvc.exceptions import OutputNotFoundError
    from dvc.stage.exceptions import StageNotFound

    if Path(target).exists() or "/" in target:
        try:
            return [out.stage for out in repo.find_outs_by_path(target)]
        except OutputNotFoundError:
            known = [str(out) for out in repo.index.outs]
            told = nearest(target, known) if target not in known else "expected an output"
            raise ConfigError(target, "no output of a stage", told) from None
    try:
        return list(repo.stage.collect(target))
    except StageNotFound:
        names = [stage.addressing for stage in repo.index.stages]
        groups = {name.partition("@")[0] for name in names}
        raise ConfigError(target, "no such stage", nearest(target, {*names, *groups})) from None


def _needed(stages: list[Stage], owners: dict[str, str], targets: list[str]) -> set[str]:
    found = set(targets)
    for stage in reversed(stages):
        if stage.addressing in found:
            found |= {owner for dep in stage.deps for owner in _makers(dep, owners)}
    return found


def _makers(dep: Any, owners: dict[str, str]) -> list[str]:
    """List the stages that make a dependency, something below it, or the folder that it is in."""
    path = Path(str(dep))
    made = ((Path(out), owner) for out, owner in owners.items())
    near = [o for out, o in made if out.is_relative_to(path) or path.is_relative_to(out)]
    return list(dict.fromkeys(near))


def _reasons(stages: list[Stage], owners: dict[str, str]) -> dict[str, Reasons]:
    found: dict[str, Reasons] = {}
    values, rewritten = (section() if PARAMS.exists() else {}), False
    for stage in stages:
        reasons = Reasons(stage.addressing, list(_own(stage, values, rewritten=rewritten)))
        if stage.addressing == CONFIGURE and reasons.own:
            values = configure(Path.cwd())
            rewritten = not PARAMS.exists() or PARAMS.read_text(encoding="utf-8") != to_json(values)
        for dep in stage.deps:
            # What configure makes is known already, value by value.
            for maker in _makers(dep, owners):
                if maker != CONFIGURE and maker in found and found[maker].stale:
                    reasons.waits.setdefault(maker, str(dep))
        found[stage.addressing] = reasons
    return found


def _own(stage: Stage, values: dict[str, Any], *, rewritten: bool) -> Iterator[str]:
    from dvc.dependency.param import ParamsDependency

    if not any(dep.hash_info for dep in stage.deps):
        yield "it was never built (dvc.lock does not know it)"
        return
    if stage.changed_stage():
        yield "its command in dvc.yaml is another"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency) and str(dep) == str(PARAMS):
            yield from _values(dep, values)
        elif isinstance(dep, ParamsDependency) and str(dep) == str(CODE):
            yield from _code(stage, dep)
        elif str(dep) == str(PARAMS):
            told = "configure would write another" if rewritten else "modified"
            yield from [f"{PARAMS}: {told}"] if rewritten or dep.status() else []
        else:
            yield from _file(dep)
    for out in stage.outs:
        yield from (f"{path}, which it makes: {told}" for path, told in out.status().items())


def _file(dep: Any) -> Iterator[str]:
    for path, told in dep.status().items():
        files = _edited(path) if told == "modified" and dep.isdir() else []
        among = f" ({', '.join(files)}; since dvc.lock was committed)" if files else ""
        added = "a new dependency in dvc.yaml" if told == "new" else told
        yield f"{path}: {added}{among}"


def _code(stage: Stage, dep: Any) -> Iterator[str]:
    """Tell which modules changed, as far as Git knows: DVC has one digest of them all."""
    root = Path.cwd()
    name = stage.name.partition("@")[0]
    before = (dep.hash_info.value or {}).get(name)
    if before is None:
        yield "the digest of its code: a new dependency in dvc.yaml"
    elif before != digests(root)[name]:
        edited = _edited("stages")
        own = [file.relative_to(root).as_posix() for file in modules(name, root)]
        told = ", ".join(file for file in own if file in edited)
        yield f"its code: {f'{told} modified' if told else 'other modules than before'}"


def _values(dep: Any, values: dict[str, Any]) -> Iterator[str]:
    locked = dep.hash_info.value or {}
    for key in dep.params:
        now = _get(values, key)
        if key not in locked:
            yield f"{key}: a new dependency in dvc.yaml"
        else:
            yield from differences(locked[key], now, key)


_ABSENT = object()


def _get(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part, _ABSENT) if isinstance(values, dict) else _ABSENT
    return values


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Give a line for each value that differs between two trees: `train.fit.epochs: 20 -> 3`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else key
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif before != after:
        yield f"{path}: {_told(before)} -> {_told(after)}"


def _told(value: Any) -> str:
    return "absent" if value is _ABSENT else repr(value)


def _edited(folder: str) -> list[str]:
    """List the files of a folder that differ from those of dvc.lock's last commit, as Git tells."""
    commit = _git("log", "-1", "--format=%H", "--", "dvc.lock")
    if not commit:
        return []
    changed = _git("diff", "--name-only", "--relative", commit[0], "--", folder)
    return sorted({*changed, *_git("ls-files", "--others", "--exclude-standard", "--", folder)})


def _git(*words: str) -> list[str]:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
