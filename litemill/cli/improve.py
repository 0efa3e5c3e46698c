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
SECONDS = 3600.0  # a trial may take


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Search for options with which a variant meets its limits: more calibration samples, other "
        "ones, then its worst layers in float, one more at a time. Each trial is converted, read "
        "back, measured and judged as `dvc repro` does it."
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
        help="trials at most (default: %(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="add the result as a variant")
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        help="the same, under this name (default: VARIANT_improved)",
    )


def run(args: argparse.Namespace) -> int:
    """Search; return 0 when the limits are met, 1 when nothing within the budget meets them.

    Raises:
        LitemillError: no such variant, nothing built, or a name that is taken.
    """
    from litemill.improve.search import Search
    from litemill.improve.subject import resolve_variant
    from litemill.improve.trial_runner import TrialRunner
    from litemill.sweep.promote import check_variant_name

    root = Path.cwd()
    _check_arguments(args)
    name = args.name or f"{args.variant}_improved"
    writing = args.write or args.name is not None
    if writing:
        check_variant_name(name, root)
    subject = resolve_variant(args.variant, root).with_metric_drop(args.metric_drop)
    with TrialRunner(subject.judged_limits, SECONDS) as runner:
        search = Search(runner, subject.variant, args.budget, _print_trial)
        best = search.run()
    if search.trials[0].passed:
        print(f"{args.variant} meets its limits already.")
        return 0
    if not best.passed:
        _print_failure(search)
        return 1
    _propose(best, subject, name, root, writing=writing)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    from litemill.core.errors import ConfigError

    if args.budget < 1:
        raise ConfigError("--budget", f"found {args.budget}", "expected at least 1")
    drop = args.metric_drop
    if drop is not None and not math.isfinite(drop):
        raise ConfigError("--metric-drop", f"found {drop}", "expected a finite number")


def _print_trial(number: int, trial: Trial) -> None:
    """Print a line: the change, its size, metric and drop, and the worst check."""
    parts = [f"{number:3}  {trial.label}", trial.numbers(), trial.verdict()]
    print(": ".join(part for part in parts if part), flush=True)


def _print_failure(search: Search) -> None:
    """Print what came nearest, and why there was no more to try."""
    from litemill.improve.steps import can_have_float_layers, describe_changes

    best = search.best
    count = len(search.trials) - 1
    print(f"Nothing met the limits, in {count} {'trial' if count == 1 else 'trials'}.")
    if best.made:
        changes = describe_changes(search.base, best.variant) or best.label
        print(f"Nearest: {changes}: {best.numbers()}: {best.verdict()}")
    if count >= search.budget:
        print("The budget is used up; `--budget N` allows more.")
    elif not can_have_float_layers(search.base):
        kind = search.base.optimization.name
        print(f"The converter keeps no layer of {kind} in float: that is for int8 and recipes.")
    else:
        print("No other layer adds noise that float would take away.")


def _propose(
    best: Trial, subject: ImprovedVariant, name: str, root: Path, *, writing: bool
) -> None:
    from litemill.config.parameters import to_plain
    from litemill.improve.steps import describe_changes
    from litemill.sweep.promote import add_variant, variant_yaml

    limits: dict[str, Any] = {"limits": subject.own_limits} if subject.own_limits else {}
    text = variant_yaml(to_plain(best.variant), limits)
    changes = describe_changes(subject.variant, best.variant)
    print(f"\nSmallest that meets the limits: {subject.name} with {changes} ({best.numbers()}).")
    if not writing:
        print(f"As conf/variant/{name}.yaml, which `--write` adds:\n")
        print(text, end="")
        return
    file = best.result.file or {}
    head = f"# {subject.name} with {changes}, found by `litemill improve`:\n"
    head += f"# {best.numbers()}, SHA-256 {str(file.get('sha256'))[:12]}.\n"
    path = add_variant(name, lambda: head + text, root)
    print(f"{path} written, {name} added to the variants in params.yaml; `dvc repro` builds it")
