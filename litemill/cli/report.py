"""`litemill report`: say where the report is; with --history, write a page over all releases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

REPORT = Path("build/report/report.json")
PAGE = Path("build/report/index.html")
HISTORY = Path("build/history.html")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Print the verdict of the last build and where its page is. With --history, write a page"
        " over all releases that the commits of this branch remember in released.json, and over"
        " the build as it is now."
    )
    parser.add_argument(
        "--history",
        action="store_true",
        help="write a page over all releases, from released.json and Git",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=HISTORY,
        metavar="FILE",
        help="where --history writes (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print where the page is.

    Raises:
        LitemillError: nothing was built, or nothing was released.
    """
    from litemill.core.files import write_text
    from litemill.report.verdict import headline, read_report, report_title

    if not args.history:
        report = read_report(REPORT)
        print(f"{report_title(report)}: {headline(report)}\n{PAGE}")
        return 0
    from litemill.release.history import released_history
    from litemill.report.page.history import history_html

    releases = released_history(Path.cwd())
    write_text(
        args.output, history_html(releases, read_report(REPORT) if REPORT.exists() else None)
    )
    print(f"{args.output}: {len(releases)} release{'' if len(releases) == 1 else 's'}")
    return 0
