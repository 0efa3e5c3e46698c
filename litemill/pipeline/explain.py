"""Why DVC would run a stage: its own status, with what configure would write.

`dvc status` compares dvc.lock with the files that are there. build/params.json is one of them, so
DVC does not see what an edit in conf/ means before configure has run; here it is composed in
memory. Everything else is DVC's own answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.selection import read_selection
from litemill.core.errors import ConfigError, nearest
from litemill.pipeline.lock_file import refuse_damaged_lock
from litemill.pipeline.resolved import Resolved
from litemill.pipeline.stage_reasons import Reasons, stage_reasons

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage

CONFIGURE = "configure"


@dataclass(frozen=True)
class Plan:
    """What `dvc repro` would do."""

    stages: dict[str, Reasons]  # why each runs, in the order of `dvc repro`
    targets: list[str]  # the stages that were asked about
    has_remote: bool = False  # whether `dvc pull` could fetch what is missing


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

    refuse_damaged_lock(Path.cwd())
    # DVC's own message for `variants: null` names neither the file nor the key.
    read_selection(Path.cwd())
    try:
        with Repo() as repo:
            stages = _in_order(repo)
            targets = [s.addressing for s in (_matching(repo, target) if target else stages)]
            makers = {str(out): stage.addressing for stage in stages for out in stage.outs}
            needed = _needed(stages, makers, targets)
            reasons = _reasons([s for s in stages if s.addressing in needed], makers)
            return Plan(reasons, targets, bool(repo.config["core"].get("remote")))
    except DvcException as error:
        raise ConfigError("dvc.yaml", str(error), "`dvc status` tells more") from None


def _in_order(repo: Repo) -> list[Stage]:
    from networkx import lexicographical_topological_sort

    # DVC's edges lead from a stage to those that it needs.
    number = {stage: i for i, stage in enumerate(repo.index.stages)}
    graph = repo.index.graph.reverse()
    return list(lexicographical_topological_sort(graph, key=lambda stage: number[stage]))


def _matching(repo: Repo, target: str) -> list[Stage]:
    from dvc.exceptions import OutputNotFoundError
    from dvc.stage.exceptions import StageNotFound

    if Path(target).exists() or "/" in target:
        try:
            return [out.stage for out in repo.find_outs_by_path(target)]
        except OutputNotFoundError:
            known = [str(out) for out in repo.index.outs]
            expected = nearest(target, known) if target not in known else "expected an output"
            raise ConfigError(target, "no output of a stage", expected) from None
    try:
        return list(repo.stage.collect(target))
    except StageNotFound:
        names = [stage.addressing for stage in repo.index.stages]
        groups = {name.partition("@")[0] for name in names}
        raise ConfigError(target, "no such stage", nearest(target, {*names, *groups})) from None


def _needed(stages: list[Stage], makers: dict[str, str], targets: list[str]) -> set[str]:
    needed = set(targets)
    for stage in reversed(stages):
        if stage.addressing in needed:
            needed |= {maker for dep in stage.deps for maker in _makers_of(dep, makers)}
    return needed


def _makers_of(dep: Any, makers: dict[str, str]) -> list[str]:
    """List the stages that make a dependency, something below it, or the folder that it is in."""
    path = Path(str(dep))
    made = ((Path(out), maker) for out, maker in makers.items())
    near = [m for out, m in made if out.is_relative_to(path) or path.is_relative_to(out)]
    return list(dict.fromkeys(near))


def _reasons(stages: list[Stage], makers: dict[str, str]) -> dict[str, Reasons]:
    plan: dict[str, Reasons] = {}
    resolved = Resolved(Path.cwd())
    for stage in stages:
        made = [
            (str(dep), plan[m]) for dep in stage.deps for m in _makers_of(dep, makers) if m in plan
        ]
        # What configure makes is known already, value by value; what .dvc files track is here.
        made = [(dep, maker) for dep, maker in made if maker.is_stage and maker.stage != CONFIGURE]
        unsettled = {dep for dep, maker in made if maker.stale or maker.cached}
        reasons = stage_reasons(stage, resolved, unsettled)
        reasons.waits = {maker.stage: dep for dep, maker in reversed(made) if maker.stale}
        if stage.addressing == CONFIGURE and reasons.runs:
            resolved.resolve()
        plan[stage.addressing] = reasons
    return plan
