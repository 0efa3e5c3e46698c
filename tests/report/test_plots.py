from __future__ import annotations

import csv

import yaml
from project import ROOT
from verdicts import broken, measured

from litemill.report import plots
from litemill.report.assemble import assemble_report, write_report

CONFUSION = {"labels": ["a", "b"], "source": [[2, 0], [0, 1]], "variant": [[1, 1], [0, 1]]}


def rows(path):
    """Read a CSV file."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_a_confusion_matrix_has_a_line_for_every_sample(tmp_path):
    """As DVC's template counts them."""
    every = [measured("a", confusion=CONFUSION), measured("b"), broken("c")]
    write_report(assemble_report(every, {}, "t"), tmp_path, every)

    folder = tmp_path / "plots" / "confusion"
    assert ["a.csv"] == [path.name for path in folder.iterdir()]
    pairs = [(row["actual"], row["predicted"]) for row in rows(folder / "a.csv")]
    assert [("a", "a"), ("a", "b"), ("b", "b")] == pairs


def test_a_matrix_of_too_many_samples_is_left_to_the_page(tmp_path):
    """A file of a line a sample would be larger than it is worth."""
    large = {**CONFUSION, "variant": [[plots.MAX_SAMPLES, 0], [0, 1]]}
    every = [measured("a", confusion=large)]
    write_report(assemble_report(every, {}, "t"), tmp_path, every)

    assert [] == list((tmp_path / "plots" / "confusion").iterdir())


def test_dvc_draws_columns_that_are_there(tmp_path):
    """The names in dvc.yaml are those in the files."""
    every = [measured("a", confusion=CONFUSION)]
    write_report(assemble_report(every, {}, "t"), tmp_path, every)
    drawn = {}
    for one in yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["plots"]:
        drawn |= one

    size, matrix = drawn["Size against quality"], drawn["build/report/plots/confusion"]
    assert {size["x"], *size["y"].values()} <= set(rows(tmp_path / "plots" / "size.csv")[0])
    found = rows(tmp_path / "plots" / "confusion" / "a.csv")[0]
    assert {matrix["x"], matrix["y"]} == set(found)
    assert ("scatter", "confusion") == (size["template"], matrix["template"])
