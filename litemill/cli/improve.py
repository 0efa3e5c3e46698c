"""`litemill improve`: find a way to make a variant that meets its limits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from litemill.improve.search import Search
    from litemill.improve.subject import ImprovedVariant
    from litemill.improve.trial import Trial

BUDGET = 20
SECONDS = 3600.0  # that a trial may take


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Try to make a variant that meets its limits: with more calibration samples, with other "
        "ones, then with its worst layers in float, one more at a time. Each try is converted, "
        "read back, measured and judged as `dvc repro` does it."
    )
    parser.add_argument("variant", metavar="VARIANT", help="one of the variants in params.yaml")
    parser.add_argument(
        "--metric-drop",
        type=float,
        metavar="X",
        help="hold the metric's drop to this, in the place of conf/'s limit `metric_drop`",
    )
    parser.add_argument(
        "--budget",
        type=int,
        default=BUDGET,
        metavar="N",
        help="tries at most (default: %(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="make what is found a variant")
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        help="the same, under this name (default: VARIANT_improved)",
    )


def run(args: argparse.Namespace) -> int:
    """Try, and tell; 0 when the limits are met, 1 when nothing within the budget meets them.

    Raises:
        LitemillError: no such variant, nothing built, or a name that is taken.
    """
    from litemill.improve.search import Search
    from litemill.improve.subject import resolve_variant
    from litemill.improve.trial_runner import TrialRunner
    from litemill.sweep.promote import check_variant_name

    root = Path.cwd()
    _refuse_wrong(args)
    name = args.name or f"{args.variant}_improved"
    writing = args.write or args.name is not None
    if writing:
        check_variant_name(name, root)
    asked = resolve_variant(args.variant, root).held_to(args.metric_drop)
    with TrialRunner(asked.judged, SECONDS) as bench:
        hunt = Search(bench, asked.variant, args.budget, _tell)
        best = hunt.run()
    if hunt.tried[0].passed:
        print(f"{args.variant} meets its limits already.")
        return 0
    if not best.passed:
        _tell_why(hunt)
        return 1
    _propose(best, asked, name, root, writing=writing)
    return 0


def _refuse_wrong(args: argparse.Namespace) -> None:
    from litemill.core.errors import ConfigError

    if args.budget < 1:
        raise ConfigError("--budget", f"found {args.budget}", "expected at least 1")
    drop = args.metric_drop
    if drop is not None and not math.isfinite(drop):
        raise ConfigError("--metric-drop", f"found {drop}", "expected a finite number")


def _tell(number: int, trial: Trial) -> None:
    """Print a line: what was tried, its size, metric and drop, and the worst check."""
    told = [f"{number:3}  {trial.what}", trial.numbers(), trial.verdict()]
    print(": ".join(part for part in told if part), flush=True)


def _tell_why(hunt: Search) -> None:
    """Say what came nearest, and why there was no more to try."""
    from litemill.improve.steps import can_have_float_layers, describe_changes

    best = hunt.best
    count = len(hunt.tried) - 1
    print(f"Nothing met the limits, in {count} {'try' if count == 1 else 'tries'}.")
    if best.made:
        what = describe_changes(hunt.base, best.variant) or best.what
        print(f"Nearest: {what}: {best.numbers()}: {best.verdict()}")
    if count >= hunt.budget:
        print("The budget is used up; `--budget N` allows more.")
    elif not can_have_float_layers(hunt.base):
        kind = hunt.base.optimization.name
        print(f"The converter keeps no layer of {kind} in float: that is for int8 and recipes.")
    else:
        print("No other layer adds noise that float would take away.")


def _propose(best: Trial, asked: ImprovedVariant, name: str, root: Path, *, writing: bool) -> None:
    from litemill.config.parameters import to_plain
    from litemill.improve.steps import describe_changes
    from litemill.sweep.promote import add_variant, variant_yaml

    own: dict[str, Any] = {"limits": asked.own} if asked.own else {}
    text = variant_yaml(to_plain(best.variant), own)
    what = describe_changes(asked.variant, best.variant)
    print(f"\nSmallest that meets the limits: {asked.name} with {what} ({best.numbers()}).")
    if not writing:
        print(f"As conf/variant/{name}.yaml, which `--write` adds:\n")
        print(text, end="")
        return
    file = best.found.file or {}
    head = f"# {asked.name} with {what}, found by `litemill improve`:\n"
    head += f"# {best.numbers()}, SHA-256 {str(file.get('sha256'))[:12]}.\n"
    path = add_variant(name, lambda: head + text, root)
    print(f"{path} written, {name} added to the variants in params.yaml; `dvc repro` builds it")
