"""Pieces of HTML: tables, marks, numbers. Every text that goes in is escaped here, once."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from litemill.core.number_format import significant_format

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTHING = "—"  # a cell without a value


@dataclass(frozen=True)
class Head:
    """The heading of a column; numbers stand to the right."""

    title: str
    number: bool = False


def number(title: str) -> Head:
    """Give the heading of a column of numbers."""
    return Head(title, number=True)


def cell(
    text: object, *, sort: float | str | None = None, right: bool = False, extra: str = ""
) -> str:
    """Give a cell.

    Args:
        text: what it says; escaped.
        sort: what it is sorted by, where that is not its text.
        right: whether it is a number.
        extra: markup below the text.
    """
    style = ' class="number"' if right else ""
    return f"<td{style}{_sort(sort)}>{escape(str(text))}{extra}</td>"


def value(found: float | None, form: str = ".4g", *, unit: str = "", extra: str = "") -> str:
    """Give a cell with a number; what is absent sorts last."""
    text = NOTHING if found is None else format(found, form) + unit
    return cell(text, sort="" if found is None else found, right=True, extra=extra)


def measure(found: float | None, *, extra: str = "") -> str:
    """Give a cell with a number of any size by its first digits; as `value`."""
    return value(found, significant_format(found or 0.0), extra=extra)


def row_head(text: str, *, sticky: bool = False, note: str = "", href: str = "") -> str:
    """Give the cell that names a row, with a note below it and a link within the page."""
    style = ' class="first"' if sticky else ""
    name = f'<a href="{escape(href)}">{escape(text)}</a>' if href else escape(text)
    name = f'<span class="named">{name}</span>'
    below = f'<span class="note">{escape(note)}</span>' if note else ""
    return f'<th scope="row"{style} data-sort="{escape(text)}">{name}{below}</th>'


def table(
    caption: str,
    heads: Iterable[Head],
    rows: Iterable[list[str]],
    *,
    sortable: bool = False,
    seen: bool = False,
) -> str:
    """Give a table that scrolls by itself where the page is too narrow for it.

    Args:
        caption: what it shows; unique on the page, as assistive technology lists regions by it.
        heads: its columns.
        rows: cells made by this module.
        sortable: whether the reader may sort it.
        seen: whether its caption is; most stand below a heading that says as much.
    """
    label = escape(caption)
    header = "".join(
        f'<th scope="col"{" class=number" if head.number else ""}>{escape(head.title)}</th>'
        for head in heads
    )
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    kind = ' class="sortable"' if sortable else ""
    hidden = "" if seen else ' class="unseen"'
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0">\n'
        f"<table{kind}>\n<caption{hidden}>{label}</caption>\n"
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def bar(share: float, kind: str = "") -> str:
    """Give a bar as wide as a share of its cell; the number beside it says the same."""
    width = max(0.0, min(share, 1.0))
    return f'<span class="bar {kind}" style="width:{width:.1%}" aria-hidden="true"></span>'


def mark(*, passed: bool, absent: bool = False) -> str:
    """Give the mark of a verdict; the word says it too, not only the colour."""
    word = "absent" if absent else "pass" if passed else "fail"
    return f'<span class="mark {word}">{word}</span>'


def link(path: str, text: str) -> str:
    """Give a link to a file of the build, relative to the page."""
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def note(text: str) -> str:
    """Give a paragraph of lesser weight."""
    return f'<p class="soft">{escape(text)}</p>'


def more(summary: str, *inner: str) -> str:
    """Give what is folded away until it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>\n" + "\n".join(inner) + "\n</details>"


def section(name: str, title: str, *inner: str) -> str:
    """Give a section of the page, with the name that links lead to."""
    body = "\n".join(inner)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{body}\n'
        "</section>"
    )


def _sort(by: float | str | None) -> str:
    return "" if by is None else f' data-sort="{escape(str(by))}"'
