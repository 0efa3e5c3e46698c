"""`litemill sensitivity`: how much a variant depends on which samples it was calibrated on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SUBSETS, MIN_SUBSETS = 8, 2
SECONDS = 3600.0  # a subset may take
COLUMNS = {"metric": ".4g", "drop": ".4g", "snr_db": ".2f", "top1_agreement": ".4g"}
WIDTH = 15


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Calibrate the same variant on different random subsets of the calibration split, and "
        "print how far the results are apart."
    )
    parser.add_argument("variant", metavar="VARIANT", help="one of the variants in params.yaml")
    parser.add_argument(
        "--subsets",
        type=int,
        default=SUBSETS,
        metavar="K",
        help="how many, by the seeds 0 to K - 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--samples", type=int, metavar="N", help="in each (default: as many as the variant takes)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Print a row for each subset, their spread, and which limits it may decide; 0.

    Raises:
        LitemillError: no such variant, one without calibration, or nothing built.
    """
    from litemill.core.errors import ConfigError
    from litemill.improve.spread import calibration_sensitivity
    from litemill.improve.subject import resolve_variant
    from litemill.improve.trial_runner import TrialRunner

    if args.subsets < MIN_SUBSETS:
        raise ConfigError("--subsets", f"found {args.subsets}", f"expected at least {MIN_SUBSETS}")
    subject = resolve_variant(args.variant, Path.cwd())
    with TrialRunner(subject.judged_limits, SECONDS) as runner:
        result = calibration_sensitivity(runner, subject, args.subsets, args.samples)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print("\n".join(_lines(result)))
    return 0


def _lines(result: dict[str, Any]) -> Iterator[str]:
    count, samples = len(result["subsets"]), result["samples"]
    yield f"{result['variant']}, calibrated on {count} random subsets of {samples} samples:\n"
    keys = [key for key in COLUMNS if result["spread"][key] or result["as_it_is"][key] is not None]
    yield _line("calibration", [f"{key:>{WIDTH}}" for key in keys])
    for row in [result["as_it_is"], *result["subsets"]]:
        verdict = "" if row["passed"] else f"  {row['verdict']}"
        yield _line(row["calibration"], [_cell(key, row[key]) for key in keys]) + verdict
    yield ""
    for measure in ("min", "median", "max", "deviation"):
        cells = [_cell(key, (result["spread"][key] or {}).get(measure)) for key in keys]
        yield _line(measure, cells)
    yield ""
    yield from _conclusions(result)


def _conclusions(result: dict[str, Any]) -> Iterator[str]:
    failed = sum(not row["passed"] for row in result["subsets"])
    if failed:
        yield f"{failed} of {len(result['subsets'])} subsets miss a limit."
    for row in result["margins"]:
        if row["larger"]:
            yield (
                f"{row['check']}: the subsets are {row['apart']:.4g} apart, more than the margin"
                f" of {abs(row['margin']):.4g} to the limit {row['limit']:.4g}: which samples"
                " calibrate it decides whether it passes."
            )
    if not failed and not any(row["larger"] for row in result["margins"]):
        yield "Every subset meets the limits, and their spread is smaller than each margin."


def _line(title: str, cells: list[str]) -> str:
    return f"{title:<12}" + "".join(cells)


def _cell(key: str, value: float | None) -> str:
    return f"{'' if value is None else format(value, COLUMNS[key]):>{WIDTH}}"
