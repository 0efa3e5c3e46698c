from __future__ import annotations

import itertools
import random
import re

import pytest

from litemill.report.axes import Frame
from litemill.report.chart import FRAME, LETTER_WIDTH, Limit, Point, scatter
from litemill.report.label_layout import GAP, RULE, Interval, free_line

SMALL = Frame(width=100, height=100, left=0, right=0, top=0, bottom=0)
NAME = Interval(20, 60, 50)
AT = re.compile(r'<text class="name" x="([\d.]+)" y="([\d.]+)">(\w+)</text>')
DISC = re.compile(r'<circle class="pass" cx="([\d.]+)" cy="([\d.]+)"')


def names(drawn):
    """Return the places of the names in a chart: (left, line), by name."""
    return {name: (float(x), round(float(y) - 4, 1)) for x, y, name in AT.findall(drawn)}


def test_a_name_stands_at_its_own_height_where_nothing_is_in_the_way():
    """Marks beside it, and names that are high above, are not."""
    assert 50 == free_line([[]], SMALL, NAME)
    assert 50 == free_line([[Interval(0, 19, 50), Interval(20, 60, 50 - GAP)]], SMALL, NAME)


def test_a_name_moves_to_the_nearest_line_that_is_free():
    """Above first; below where above is taken, or out of the picture."""
    rule, line = Interval(0, 100, 50, RULE), Interval(0, 100, 50)

    assert 50 - RULE == free_line([[rule]], SMALL, NAME)
    assert 50 - GAP == free_line([[line]], SMALL, NAME)
    assert 50 + GAP == free_line([[line, Interval(0, 100, 50 - GAP)]], SMALL, NAME)
    assert 5 + GAP == free_line([[Interval(0, 100, 5)]], SMALL, Interval(20, 60, 5))


def test_a_name_that_finds_no_room_stays_at_its_own_height():
    """It is drawn all the same."""
    assert 50 == free_line([[Interval(0, 100, 50, 1000)]], SMALL, NAME)


def test_the_name_of_a_point_alone_is_beside_it():
    """The lines of the source model and of a limit are far away."""
    points = [Point("alone", 50, 0.5, passed=True), Point("large", 99, 0.9, passed=False)]
    drawn = scatter(points, "top1", 0.9, [Limit("metric_min", 0.1)])

    ((x, y),) = DISC.findall(drawn)
    assert (float(x) + 10, float(y)) == pytest.approx(names(drawn)["alone"])


def test_names_keep_clear_of_lines_and_of_each_other():
    """Of the source model's, of limits, and of the steps of the front."""
    points = [Point(name, size, 0.9, passed=True) for name, size in (("one", 20), ("two", 21))]
    points += [Point("tiny", 10, 0.5, passed=True), Point("large", 99, 0.7, passed=False)]
    limit = Limit("metric_drop", 0.89)
    drawn = scatter(points, "top1", 0.9, [limit])

    found = names(drawn)
    assert abs(found["one"][1] - found["two"][1]) >= GAP
    levels = [float(y) for y in re.findall(r'class="(?:source|limit)"[^>]* y1="([\d.]+)"', drawn)]
    assert 2 == len(levels)
    for name in ("one", "two"):
        assert all(abs(found[name][1] - level) >= RULE for level in levels)
    (step,) = re.findall(r'class="front" d="M[\d.]+ ([\d.]+)', drawn)
    assert abs(found["tiny"][1] - float(step)) == pytest.approx(RULE)
    assert all(FRAME.top < line < FRAME.floor for _, line in found.values())


def test_a_chart_without_a_source_has_no_dashes():
    """A source metric that is NaN is none."""
    drawn = scatter([Point("a", 1, 0.5, passed=False)], "top1", None)

    assert 'class="source"' not in drawn
    assert 'class="fail"' in drawn


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [12, 30])
def test_names_of_many_variants_never_overlap(seed, count):
    """However close the points are, and however long the names."""
    rng = random.Random(seed)
    spread = rng.choice([0.0, 0.01, 1.0])
    points = [
        Point(f"v{n}_{'x' * rng.randint(0, 40)}", 30 + spread * rng.uniform(-20, 60),
              0.9 + spread * rng.uniform(-0.1, 0.1), passed=rng.random() < 0.8)
        for n in range(count)
    ]  # fmt: skip
    drawn = scatter(points, "top1", 0.9, [Limit("metric_drop", 0.89)])

    texts = re.findall(r'<text class="name" x="([\d.]+)" y="([\d.]+)">([^<]+)</text>', drawn)
    boxes = [(float(x), float(y), float(x) + LETTER_WIDTH * len(text)) for x, y, text in texts]
    height = float(re.search(r'viewBox="0 0 \d+ (\d+)"', drawn)[1])
    assert count == len(boxes)
    for left, line, right in boxes:
        assert 0 <= left
        assert right <= FRAME.width
        assert 0 < line < height
    for (left, line, right), (other, below, end) in itertools.combinations(boxes, 2):
        assert right < other or end < left or abs(line - below) >= GAP - 0.01
