"""`litemill show`: print the table of the last report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

FORMATS = ("terminal", "markdown", "csv", "json")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = "Show the table of variants of the last report, with its failed checks."
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="terminal",
        help="terminal (default), markdown for a pull request, csv or json for programs",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("build/report/report.json"),
        metavar="FILE",
        help="report to show (default: %(default)s)",
    )
    parser.add_argument(
        "--since",
        type=Path,
        metavar="ARCHIVE",
        help="compare with this release, instead of with released.json; not in csv, which has no"
        " place for changes",
    )


def run(args: argparse.Namespace) -> int:
    """Print the report in the chosen format; the exit status is 0 for a failed report, too.

    Raises:
        LitemillError: there is no report, it is damaged, or --since is combined with CSV.
    """
    from litemill.core.errors import ConfigError
    from litemill.report import release_diff, summary
    from litemill.report.verdict import read_report

    if args.since and args.format == "csv":
        expected = "expected terminal, markdown or json, which show changes"
        raise ConfigError("--since", "found --format csv", expected)
    report = read_report(args.report)
    if args.since:
        report["since"] = release_diff.release_changes(
            report["variants"], _release_record(args.since), report["metric"]
        )
    if args.format == "terminal":
        summary.print_report(report)
    elif args.format == "markdown":
        sys.stdout.write(summary.report_markdown(report))
    elif args.format == "csv":
        sys.stdout.write(summary.report_csv(report))
    elif args.since:
        text = json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False)
        sys.stdout.write(f"{text}\n")
    else:
        sys.stdout.write(args.report.read_text(encoding="utf-8"))
    return 0


def _release_record(archive: Path) -> dict[str, Any]:
    from litemill.release.check import open_release, read_manifest
    from litemill.report.release_diff import release_record

    with open_release(archive) as folder:
        return release_record(read_manifest(folder))
