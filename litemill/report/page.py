"""The report as one self-contained HTML page: verdict first; phone, print, light and dark.

The page fetches nothing, and says so to the browser. Its charts are SVG with their numbers beside
them in words; without a script all of it can be read, only not sorted.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from litemill.report.details import details
from litemill.report.figures import interval
from litemill.report.highlights import common_limit, confidence_text, kernel_disagreement_text
from litemill.report.markup import Head, cell, link, note, number, row_head, section, table, value
from litemill.report.overview import chart, failed, variants, verdict
from litemill.report.speed_section import measured
from litemill.report.style import SCRIPT, STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
FILES = {"same": "same bytes", "changed": "changed", "added": "added", "gone": "gone"}
KERNELS = {
    "default": "default (XNNPACK)",
    "no_delegate": "without delegate",
    "reference": "reference",
}


def page_html(report: dict[str, Any], depth: Mapping[str, Row] | None = None) -> str:
    """Give the page of a report; nothing in it is fetched from elsewhere.

    Args:
        report: what build/report/report.json holds.
        depth: what validate wrote, by variant; without it the page tells less of each.
    """
    title = escape(report["title"])
    word = "Passed" if report["passed"] else "Failed"
    depth = depth or {}
    each = [details(row, depth.get(row["variant"])) for row in report["variants"]]
    sections = [
        *failed(report),
        variants(report),
        *chart(report),
        *_confidence(report),
        *_kernels(report),
        section("each", "Each variant", *each),
        measured(report),
        *_since(report),
        _again(report),
    ]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{title}: {word}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            f"<header>\n<h1>{title}</h1>\n{verdict(report)}\n{_contents(sections)}\n</header>",
            "<main>",
            *sections,
            f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        ]
    ) + "\n"  # fmt: skip


def _contents(sections: list[str]) -> str:
    """List the sections, by the names and titles that they begin with."""
    items = [
        (one.partition('id="')[2].partition('"')[0], one.partition("<h2")[2].partition(">")[2])
        for one in sections
    ]
    links = "".join(
        f'<li><a href="#{name}">{title.partition("</h2>")[0]}</a></li>' for name, title in items
    )
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _confidence(report: dict[str, Any]) -> list[str]:
    """Give the intervals of the drop, drawn to one scale, with the limit where there is one."""
    rows = [row for row in report["variants"] if row["interval"]]
    if not rows:
        return []
    limit = common_limit(report["variants"], "metric_drop")
    name, share = report["metric"]["name"], confidence_text(rows)
    told = (
        f"How much chance there is in the evaluation samples: with others, {share} of drops "
        "would lie in the interval (paired bootstrap). The upright line is no drop"
        f"{'' if limit is None else ', the dotted one the limit'}."
    )
    inner = f'<div class="bars keep">{_intervals(rows, name, share, limit)}</div>'
    return [section("confidence", "How sure is it?", note(told), inner)]


def _intervals(rows: list[Row], name: str, share: str, limit: float | None) -> str:
    ends = [0.0 if limit is None else limit, 0.0]
    ends += [end for row in rows for end in row["interval"]["drop"]]
    span = (min(ends), max(ends), limit)
    numbers = map(number, ("Drop", f"{share} of drops", f"{share} of {name}"))
    heads = [Head("Variant"), *numbers, Head("Drop, to one scale")]
    return table(f"Confidence in the drop of {name}", heads, [_sure(row, span) for row in rows])


def _sure(row: Row, span: tuple[float, float, float | None]) -> list[str]:
    (low, high), (least, most) = row["interval"]["drop"], row["interval"]["variant"]
    drawn = interval(f"Drop of {row['variant']}", low, high, row["drop"], span)
    return [
        row_head(row["variant"]),
        value(row["drop"], ".3g"),
        cell(f"{low:.3g} to {high:.3g}", right=True),
        cell(f"{least:.4g} to {most:.4g}", right=True),
        f"<td>{drawn}</td>",
    ]


def _kernels(report: dict[str, Any]) -> list[str]:
    """Give what each set of kernels answers; the gate judges the worst."""
    names = list(dict.fromkeys(name for row in report["variants"] for name in row["kernels"]))
    if len(names) < 2:  # noqa: PLR2004
        return []
    quality = "metric" if report["metric"] else "agreement"
    rows = [
        [
            row_head(row["variant"], sticky=True),
            *(_run(name, row["kernels"].get(name), quality) for name in names),
        ]
        for row in report["variants"]
    ]
    heads = [Head("Variant"), *(number(KERNELS.get(name, name)) for name in names)]
    metric = report["metric"]["name"] if report["metric"] else "Agreement with the source model"
    told = (
        f"{metric} under each set of LiteRT's kernels, and how many answers are not those of the "
        "default kernels. Checks hold for the worst."
    )
    shown = table("Every variant under every set of kernels", heads, rows)
    return [section("kernels", "Kernels", note(told), f'<div class="narrow">{shown}</div>')]


def _run(name: str, run: Row | None, key: str) -> str:
    if run is None:
        return cell("")
    if run["error"]:
        return cell("does not run", extra=f'<span class="note">{escape(run["error"])}</span>')
    known = run["flips"] is not None and name != "default"
    flips = f"{kernel_disagreement_text(run)} flip" if known else ""
    return value(run[key], ".4f" if abs(run[key] or 0) <= 1 else ".4g",
                 extra=f'<span class="note">{flips}</span>')  # fmt: skip


def _since(report: dict[str, Any]) -> list[str]:
    if not (since := report["since"]):
        return []
    rows = []
    for one in since["variants"]:
        old, new = one["before"] or {}, one["after"] or {}
        rows.append([
            row_head(one["variant"], sticky=True),
            f'<td class="short">{FILES[one["change"]]}</td>',
            *(_changed(old.get(key), new.get(key), form)
              for key, form in (("bytes", ",d"), ("metric", ".4g"), ("agreement", ".2%"),
                                ("snr_db", ".1f"))),
        ])  # fmt: skip
    name = report["metric"]["name"] if report["metric"] else "metric"
    heads = [Head("Variant"), Head("File"),
             *map(number, ("Bytes", name, "Agreement", "SNR dB"))]  # fmt: skip
    shown = table(f"Changes since {since['release']}", heads, rows)
    other = [note(f"The metric is {name}; it was {since['metric']}.")] if since["metric"] else []
    return [section("since", f"Since {since['release']}", *other, shown)]


def _changed(old: float | None, new: float | None, form: str) -> str:
    found = new if new is not None else old
    if old is None or new is None or (was := format(old, form)) == format(new, form):
        return value(found, form)
    return value(found, form, extra=f'<span class="note">was {was}</span>')


def _again(report: dict[str, Any]) -> str:
    """Say how to get these numbers again, and where each of them is."""
    files = [
        link("report.json", "report.json"),
        link("report.csv", "report.csv"),
        link("report.md", "report.md"),
        link("../params.yaml", "every option"),
        link("../prepare/data.json", "data and splits"),
        link("../gate/verdict.json", "the gate's verdict"),
    ]
    first = report["variants"][0]["variant"]
    commands = (
        "# the environment, then everything\nmake\n"
        f"# what changed; one measurement alone\ndvc repro\ndvc repro -s validate@{first}\n"
        "# these numbers in the terminal; for a pull request\n"
        "litemill show\nlitemill show --format markdown\n"
        "# training curves and confusion matrices\ndvc plots show"
    )
    told = (
        "The same commit gives this page again, byte for byte. What machines measured and what was "
        "released last are files of the commit, too."
    )
    return section("again", "How to get this again", note(told), f"<pre>{escape(commands)}</pre>",
                   f"<p>{' · '.join(files)}</p>")  # fmt: skip
