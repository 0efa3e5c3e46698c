"""The report as one self-contained HTML page: verdict first; phone, print, light and dark.

The page fetches nothing, and says so to the browser. Its charts are SVG with their numbers beside
them in words; without a script all of it can be read, only not sorted. How it looks is in
templates/, and what each section shows in the modules beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.report.highlights import highlights
from litemill.report.next_steps import next_steps
from litemill.report.page.links import report_links
from litemill.report.page.sections import page_sections
from litemill.report.page.worst import Evidence
from litemill.report.sentences import decision
from litemill.report.summary import basis_text
from litemill.report.templating import render
from litemill.report.verdict import headline, report_title

if TYPE_CHECKING:
    from collections.abc import Mapping


def page_html(
    report: dict[str, Any],
    measurements: Mapping[str, dict[str, Any]] | None = None,
    evidence: Evidence | None = None,
    *,
    commit: str = "",
) -> str:
    """Render a report.

    Args:
        report: what build/report/report.json holds.
        measurements: what validate wrote, by variant; without it the page shows less of each.
        evidence: what `prepare` wrote; without it the page shows neither samples nor labels.
        commit: the one that was built, in the copy of a release, whose links lead into the
            release. A build knows no commit.
    """
    return render(
        __name__,
        "page.html.j2",
        report=report,
        title=report_title(report),
        commit=commit,
        links=report_links(released=bool(commit), passed=report["passed"]),
        headline=headline(report),
        decision=decision(report),
        steps=next_steps(report),
        basis=basis_text(report),
        highlights=highlights(report),
        sections=page_sections(
            report, measurements or {}, evidence or Evidence(), released=bool(commit)
        ),
    )
