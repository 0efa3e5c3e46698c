"""`litemill explain`: why `dvc repro` would run a stage, in words; nothing is run or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from litemill.pipeline.explain import Plan, Reasons

# As many reasons as a line of the overview names.
FEW = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Tell why `dvc repro` would run a stage: which key, from which value to which, which file,"
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

    found = explain_stages(args.target)
    lines = _overview(found) if args.target is None else _details(found)
    print("\n".join(lines))
    return 0


def _overview(found: Plan) -> Iterator[str]:
    if not any(reasons.stale for reasons in found.stages.values()):
        yield "nothing: up to date"
        return
    width = max(map(len, found.stages))
    for name, reasons in found.stages.items():
        yield f"{name:<{width}}  {_short(reasons)}"


def _short(reasons: Reasons) -> str:
    if reasons.own:
        rest = len(reasons.own) - FEW
        more = f"; and {rest} more" if rest > 0 else ""
        return "runs: " + "; ".join(reasons.own[:FEW]) + more
    if reasons.waits:
        return f"runs if {' or '.join(reasons.waits)} gives other files"
    return "up to date"


def _details(found: Plan) -> Iterator[str]:
    stale = [name for name in found.targets if found.stages[name].stale]
    if not stale:
        yield "nothing: up to date"
        return
    told: set[str] = set()
    for name in found.targets:
        if name in stale:
            yield from _chain(found, name, told)
        else:
            yield f"{name}: up to date"


def _chain(found: Plan, name: str, told: set[str]) -> Iterator[str]:
    """Tell of a stage, then of those that it waits for, each once."""
    if name in told:
        return
    told.add(name)
    reasons = found.stages[name]
    yield f"{name} would run{':' if reasons.own else ' if what it reads comes out otherwise:'}"
    yield from (f"  {line}" for line in reasons.own)
    yield from (f"  {path}: {maker} may give another" for maker, path in reasons.waits.items())
    for maker in reasons.waits:
        yield from _chain(found, maker, told)
