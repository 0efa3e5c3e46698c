"""The report as one self-contained HTML page: verdict first; phone, print, light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from stages.chart import Point, scatter
from stages.summary import Column, basis, columns, snr
from stages.verdict import headline

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --back: #fff; --panel: #f5f6f8; --text: #1b1e23; --soft: #545b66;
  --line: #d6dae0; --bar: #c3d3ee; --pass: #11663a; --pass-back: #e2f4e8; --fail: #a11228;
  --fail-back: #fdeaec; --point: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --panel: #1d2126; --text: #e9ebee;
  --soft: #acb3bd; --line: #3a4048; --bar: #2f4a75; --pass: #86dfa9; --pass-back: #14341f;
  --fail: #ffa3ad; --fail-back: #421a20; --point: #82b1ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .3rem 0; }
.soft { color: var(--soft); }
.verdict { border-left: .4rem solid; border-radius: .3rem; padding: .75rem 1rem; }
.verdict strong { font-size: 1.3rem; display: block; }
.verdict p { color: var(--text); }
.verdict.pass { color: var(--pass); background: var(--pass-back); }
.verdict.fail { color: var(--fail); background: var(--fail-back); }
.mark { display: inline-block; font-weight: 600; padding: 0 .5rem; border-radius: 1rem; }
.mark.pass { color: var(--pass); background: var(--pass-back); }
.mark.fail { color: var(--fail); background: var(--fail-back); }
.mark.absent { color: var(--soft); background: var(--panel); }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--point); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .94rem; }
.full { width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .45rem .8rem .45rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
tbody th { font-weight: 600; }
.first { position: sticky; left: 0; background: var(--back); white-space: nowrap; }
.bar { display: block; height: .3rem; margin-left: auto; border-radius: .15rem;
  background: var(--bar); }
.variant { border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1rem;
  margin: .9rem 0; break-inside: avoid; }
.variant header { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: baseline; }
.variant table { margin-top: .7rem; }
.found { display: block; font-weight: 400; color: var(--soft); overflow-wrap: anywhere; }
.failed { list-style: none; margin: 0; padding: 0; }
.failed li { padding: .45rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.failed .found { color: var(--text); }
code { font-size: .82rem; overflow-wrap: anywhere; }
figure { margin: 0; max-width: 36rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 12.5px; fill: var(--soft); }
svg .name { fill: var(--text); paint-order: stroke; stroke: var(--back); stroke-width: 3px; }
.grid { stroke: var(--line); }
.lead { stroke: var(--soft); stroke-width: .7; }
.source { stroke: var(--soft); stroke-dasharray: 5 4; }
circle.pass { fill: var(--point); }
path.fail { stroke: var(--fail); stroke-width: 2.5; fill: none; }
@media print { :root { --back: #fff; --panel: #f5f6f8; --text: #000; --soft: #444; --line: #bbb;
  --pass: #11663a; --pass-back: #fff; --fail: #a11228; --fail-back: #fff; --bar: #c3d3ee;
  --point: #1f5fbf; } main { max-width: none; padding: 0; } body { font-size: 11px; }
  .wide { overflow: visible; } * { print-color-adjust: exact; } }
"""


def html(report: dict[str, Any]) -> str:
    """Give the page of a report; nothing in it is fetched from elsewhere."""
    title = escape(report["title"])
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}: {_word(passed=report['passed'])}</title>",
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>",
        _verdict(report),
        *_failed(report),
        _variants(report),
        *_chart(report),
        "<h2>Each variant</h2>",
        *(_details(row) for row in report["variants"]),
        "</main>\n</body>\n</html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(report: dict[str, Any]) -> str:
    style = "pass" if report["passed"] else "fail"
    return (
        f'<div class="verdict {style}"><strong>{_word(passed=report["passed"])}</strong>'
        f"<p>{escape(headline(report))}</p></div>\n"
        f'<p class="soft">{escape(basis(report))}</p>'
    )


def _failed(report: dict[str, Any]) -> list[str]:
    lines = [
        f"<li><strong>{escape(row['variant'])}.{escape(name)}</strong>{_found(outcome)}</li>"
        for row in report["variants"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"]
    ]
    return ["<h2>Failed checks</h2>", '<ul class="failed">', *lines, "</ul>"] if lines else []


def _variants(report: dict[str, Any]) -> str:
    """Give the table of variants, the verdict beside the name: a phone shows these two first."""
    first, *others, verdict = columns(report)
    shown = [first, verdict, *others]
    header = "".join(_heading(column, sticky=column is first) for column in shown)
    body = "\n".join(
        f"<tr>{''.join(_cell(column, row, first, verdict) for column in shown)}</tr>"
        for row in report["variants"]
    )
    return (
        '<h2 id="variants">Variants</h2>\n'
        '<div class="wide" role="region" aria-labelledby="variants" tabindex="0">\n'
        f'<table class="full">\n<thead><tr>{header}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _heading(column: Column, *, sticky: bool) -> str:
    style = "first" if sticky else "number" if column.right else ""
    return f'<th scope="col" class="{style}">{escape(column.title)}</th>'


def _cell(column: Column, row: Row, first: Column, verdict: Column) -> str:
    text = escape(column.cell(row))
    if column is first:
        return f'<th scope="row" class="first">{text}</th>'
    if column is verdict:
        return f"<td>{_mark(passed=row['passed'])}</td>"
    if column.title == "KiB":
        share = min(row["share"] or 0, 1)
        text += f'<span class="bar" style="width:{share:.0%}" aria-hidden="true"></span>'
    return f'<td class="number">{text}</td>'


def _chart(report: dict[str, Any]) -> list[str]:
    """Give size against the task's metric; without one there is nothing to draw."""
    points = [
        Point(row["variant"], row["size_kb"], row["metric"], row["passed"])
        for row in report["variants"]
        if row["metric"] is not None
    ]
    if not points:
        return []
    name = report["metric"]["name"]
    source = next(r["source_metric"] for r in report["variants"] if r["metric"] is not None)
    legend = (
        "Discs passed, crosses failed. The dashed line is the source model's "
        f"{escape(name)}, {source:.4g}. The numbers are those of the table above."
    )
    return [
        f"<h2>Size against {escape(name)}</h2>\n<figure>",
        scatter(points, name, source),
        f'<figcaption class="soft">{legend}</figcaption>\n</figure>',
    ]


def _details(row: Row) -> str:
    lines = [
        f'<section class="variant">\n<header><h3>{escape(row["variant"])}</h3>',
        _mark(passed=row["passed"]),
        f'<span class="soft">{row["bytes"]:,} bytes</span></header>',
        f'<p class="soft">SHA-256 <code>{escape(row["sha256"])}</code></p>',
        _checks(row),
    ]
    return "\n".join([*lines, *([_outputs(row)] if row["outputs"] else []), "</section>"])


def _checks(row: Row) -> str:
    rows = [
        [
            f'<th scope="row">{escape(name)}{_found(outcome)}</th>',
            f'<td class="number">{_told(outcome["margin"])}</td>',
            f"<td>{_mark(passed=outcome['passed'], absent=outcome['absent'])}</td>",
        ]
        for name, outcome in row["checks"].items()
    ]
    return _table(f"Checks of {row['variant']}", ["Check", "Margin", "Result"], rows)


def _found(outcome: Row) -> str:
    return f'<span class="found">{escape(outcome["told"])}</span>'


def _outputs(row: Row) -> str:
    keys = ("max_abs_error", "mean_abs_error", "cosine_similarity", "non_finite")
    rows = [
        [
            _head(name),
            *(f'<td class="number">{_told(output[key])}</td>' for key in keys),
            f'<td class="number">{_snr(output)}</td>',
        ]
        for name, output in row["outputs"].items()
    ]
    header = ["Output", "Max error", "Mean error", "Cosine", "NaN or Inf", "SNR dB"]
    return _table(f"Outputs of {row['variant']} against the source model", header, rows)


def _snr(output: Row) -> str:
    return snr({**output, "exact": output["max_abs_error"] == 0, "error": None})


def _table(caption: str, header: Iterable[str], rows: Iterable[list[str]]) -> str:
    heads = "".join(f'<th scope="col"{_side(name)}>{escape(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    label = escape(caption)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0">\n'
        f'<table class="full">\n<caption>{label}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _side(name: str) -> str:
    numbers = {"Margin", "Max error", "Mean error", "Cosine", "NaN or Inf", "SNR dB"}
    return ' class="number"' if name in numbers else ""


def _head(text: str) -> str:
    return f'<th scope="row">{escape(text)}</th>'


def _mark(*, passed: bool, absent: bool = False) -> str:
    style, word = ("pass", "pass") if passed else ("fail", "fail")
    return (
        f'<span class="mark {"absent" if absent else style}">{"absent" if absent else word}</span>'
    )


def _word(*, passed: bool) -> str:
    return "Passed" if passed else "Failed"


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
