"""The picture of a sweep, and what is beside it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from litemill.sweep import plot

HOSTILE = '<script>alert("x")</script>&'


def row(name, size, drop, **more):
    """Return a row of sweep.json."""
    plain = {
        "point": name, "status": "done", "front": False, "options": {"batch": size}, "bytes": size,
        "metric": 0.9, "drop": drop, "snr_db": None, "mean_abs_error": 0.5, "latency_ms": None,
        "error": None,
    }  # fmt: skip
    return plain | more


def result(points, **more):
    """Return the content of sweep.json."""
    statuses = ("done", "failed", "refused")
    sweep = {
        "asked": {"base": {"name": "int8"}, "points": len(points), "search": "grid", "options": []},
        "counts": {one: sum(point["status"] == one for point in points) for one in statuses},
        "metric": {"name": "top1"},
        "quality": "drop",
        "front": [one["point"] for one in points if one["front"]],
        "points": points,
    }
    return sweep | more


POINTS = [
    row("a", 1024, 0.3, front=True),
    row("b", 2048, 0.3),
    row("c", 3072, 0.1, front=True),
    row("d", 4096, 0.2, front=True, latency_ms=0.25),  # for its speed
    row("e", 5120, None),  # nothing measured
    row("f", None, None, status="failed", error=f"it says {HOSTILE}"),
]


def parsed(sweep):
    """Parse the page; it is well-formed, or this fails."""
    text = plot.page_html(sweep).replace("<!doctype html>", "")
    for name in ('meta charset="utf-8"', 'content="width=device-width, initial-scale=1"'):
        text = text.replace(f"{name}>", f"{name}/>")
    return ET.fromstring(text)  # noqa: S314  # our own page


def circles(page):
    """Return class and place of each dot by the name in its title."""
    found = {}
    for one in page.iter("circle"):
        name = one.find("title").text.partition(":")[0]
        found[name] = one.get("class"), float(one.get("cx")), float(one.get("cy"))
    return found


def test_every_measured_point_is_a_dot_and_the_front_stands_out():
    """Larger files are further right, larger drops further up; those on the front come last."""
    found = circles(parsed(result(POINTS)))
    assert {"a": "best", "b": "dot", "c": "best", "d": "best"} == {
        n: f[0] for n, f in found.items()
    }
    assert "b" == next(iter(found))
    (_, *a), (_, *b), (_, *c), (_, *d) = (found[name] for name in "abcd")
    assert a[0] < b[0] < c[0] < d[0]
    assert a[1] == b[1] < d[1] < c[1]  # SVG counts from the top
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.2)


def test_the_line_joins_what_no_point_beats_in_the_picture():
    """Latency has no axis."""
    page = parsed(result(POINTS))
    found = circles(page)
    (line,) = page.iter("polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert [found["a"][1:], found["c"][1:]] == places


def test_the_front_is_a_table_with_latencies_where_there_are_some():
    """In the order of size."""
    page = parsed(result(POINTS))
    heads = [one.text for one in page.iter("th")]
    assert ["point", "bytes", "metric", "drop", "snr_db", "latency_ms", "options"] == heads
    cells = [["".join(cell.itertext()) for cell in one.iter("td")] for one in page.iter("tr")][1:]
    assert ["a", "1,024", "0.9", "0.3", "", "", "batch=1024"] == cells[0]
    assert ["d", "4,096", "0.9", "0.2", "", "0.25", "batch=4096"] == cells[2]
    untimed = parsed(result([row("a", 1024, 0.3, front=True)]))
    assert "latency_ms" not in [one.text for one in untimed.iter("th")]


def test_names_are_text_whatever_they_are():
    """Neither options nor errors nor names of variants and metrics become markup."""
    sweep = result([*POINTS, row("g", 9, 0.9, front=True, options={"custom_ops": HOSTILE})])
    sweep["asked"]["base"]["name"] = sweep["metric"]["name"] = HOSTILE
    page = parsed(sweep)
    assert [] == list(page.iter("script"))
    assert HOSTILE in page.find("body/main/h1").text
    titles = [one.text for one in page.iter("title")]
    assert 3 == sum(HOSTILE in title for title in titles)  # the page's, the picture's, the dot's
    assert any(f"it says {HOSTILE}" in (one.text or "") for one in page.iter("p"))


def test_a_sweep_without_a_file_has_a_page_that_says_so():
    """And why."""
    page = parsed(result([POINTS[-1]]))
    lines = [one.text for one in page.iter("p")]
    assert lines[0] == "1 point of int8: 0 done, 1 failed"
    assert "No point has a file and a measurement." in lines
    assert [] == list(page.iter("circle"))
