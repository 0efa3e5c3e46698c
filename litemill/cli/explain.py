"""`litemill explain`: why `dvc repro` would run a stage; nothing is run or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.pipeline.explain import Plan
    from litemill.pipeline.stage_reasons import Reasons

# As many reasons as a line of the overview names.
FEW = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Show why `dvc repro` would run a stage: which key, from which value to which, which file,"
        " or which stage before it. Nothing is run."
    )
    parser.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="a stage (validate@int8, or validate for all), or the path of an output; without it,"
        " the whole pipeline in short",
    )


def run(args: argparse.Namespace) -> int:
    """Print the reasons; 0, whatever would run.

    Raises:
        LitemillError: no such target, or configure would fail.
    """
    from litemill.pipeline.explain import explain_stages

    plan = explain_stages(args.target)
    lines = _overview(plan) if args.target is None else _details(plan)
    print("\n".join([*lines, *_advice(plan)]))
    return 0


def _advice(plan: Plan) -> Iterator[str]:
    absent = sum(len(reasons.absent) for reasons in plan.stages.values())
    if absent and plan.has_remote:
        yield f"{absent} outputs of dvc.lock are not here: `dvc pull` fetches what was pushed"
    elif absent:
        yield f"{absent} outputs of dvc.lock are not here, and there is no DVC remote to pull from"
    elif any(reasons.cached for reasons in plan.stages.values()):
        yield "`dvc checkout` restores what is in the cache"


def _overview(plan: Plan) -> Iterator[str]:
    if not any(reasons.stale or reasons.cached for reasons in plan.stages.values()):
        yield "nothing: up to date"
        return
    width = max(map(len, plan.stages))
    for name, reasons in plan.stages.items():
        yield f"{name:<{width}}  {_short(reasons)}"


def _short(reasons: Reasons) -> str:
    if lines := [*reasons.own, *(f"{path} is missing" for path in reasons.absent)]:
        rest = len(lines) - FEW
        more = f"; and {rest} more" if rest > 0 else ""
        return f"{_verb(reasons)}: {'; '.join(lines[:FEW])}{more}"
    if reasons.waits:
        return f"runs if {' or '.join(reasons.waits)} changes its outputs"
    return f"restored: {', '.join(reasons.cached[:FEW])}" if reasons.cached else "up to date"


def _verb(reasons: Reasons) -> str:
    return "runs" if reasons.is_stage else "tracked data"


def _details(plan: Plan) -> Iterator[str]:
    shown = [name for name in plan.targets if plan.stages[name].stale or plan.stages[name].cached]
    if not shown:
        yield "nothing: up to date"
        return
    printed: set[str] = set()
    for name in plan.targets:
        if name in shown:
            yield from _chain(plan, name, printed)
        else:
            yield f"{name}: up to date"


def _chain(plan: Plan, name: str, printed: set[str]) -> Iterator[str]:
    """Describe a stage, then those that it waits for, each once."""
    if name in printed:
        return
    printed.add(name)
    reasons = plan.stages[name]
    if reasons.stale:
        yield f"{name} {'runs:' if reasons.runs else 'runs if its inputs change:'}"
    else:
        yield f"{name} is restored:"
    yield from (f"  {line}" for line in reasons.own)
    yield from (f"  {path} is missing, here and in the cache" for path in reasons.absent)
    yield from (f"  {path} is missing, and in the cache" for path in reasons.cached)
    yield from (f"  {path}: {maker} may change it" for maker, path in reasons.waits.items())
    for maker in reasons.waits:
        yield from _chain(plan, maker, printed)
