from __future__ import annotations

import json

import pytest
from verdicts import measured, metric

from litemill.core.errors import DataError
from litemill.report import page, release_diff, summary
from litemill.report.assemble import assemble_report


def manifest(*rows):
    """Return the manifest of a release of these variants, as far as it is remembered."""
    report = assemble_report([*rows], {}, "t")
    keys = ("metric", "drop", "agreement", "snr_db")
    entries = {
        row["variant"]: {"sha256": row["sha256"], "bytes": row["bytes"],
                         "metrics": {key: row[key] for key in keys}}
        for row in report["variants"]
    }  # fmt: skip
    release = {"name": "digits", "version": "1.0.0"}
    return {"release": release, "metric": report["metric"], "variants": entries}


def test_every_variant_says_how_it_changed():
    """Of the same bytes, changed, added or gone."""
    old = release_diff.release_record(
        manifest(measured("same"), measured("changed"), measured("gone"))
    )
    changed = measured("changed", sha256="other", metric=metric(0.9889, 0.9))

    report = assemble_report([measured("same"), changed, measured("added")], {}, "t", released=old)[
        "since"
    ]

    assert "digits 1.0.0" == report["release"]
    became = {one["variant"]: one["change"] for one in report["variants"]}
    assert {"same": "same", "changed": "changed", "added": "added", "gone": "gone"} == became
    lines = summary.release_changes_text({"since": report})
    assert [
        "changed: metric 0.9861 -> 0.9, drop 0.0028 -> 0.0889",
        "added: added",
        "gone: gone",
    ] == lines


def test_the_same_bytes_with_other_numbers_are_news():
    """Other evaluation samples, say; what rounds to the same number is none."""
    old = release_diff.release_record(manifest(measured("a"), measured("b")))
    other = measured("a", metric=metric(0.9889, 0.95))
    noise = measured("b", metric={**metric(0.9889, 0.9861), "variant": 0.986101})

    report = assemble_report([other, noise], {}, "t", released=old)

    assert ["same", "same"] == [one["change"] for one in report["since"]["variants"]]
    assert [
        "a: same bytes, top1 0.9861 -> 0.95, drop 0.0028 -> 0.0389"
    ] == summary.release_changes_text(report)
    assert "top1 0.9861 -\\> 0.95" in summary.report_markdown(report)


def test_numbers_of_another_metric_are_not_compared():
    """Text and page say that the metric is another."""
    old = release_diff.release_record(manifest(measured("a")))
    error = measured("a", metric=metric(43.1, 43.4, "mean_absolute_error", "minimize"))

    report = assemble_report([error], {}, "t", released=old)

    assert [
        "the metric is mean_absolute_error, it was top1",
        "a: same bytes, mean_absolute_error none -> 43.4, drop none -> 0.3",
    ] == summary.release_changes_text(report)
    shown = page.page_html(report)
    assert "The metric is mean_absolute_error; it was top1." in shown
    assert "was 0.9861" not in shown


def test_without_a_release_nothing_is_compared(tmp_path):
    """No section, no line."""
    (tmp_path / "released.json").write_text("{}")

    assert release_diff.read_released(tmp_path / "released.json") is None
    assert release_diff.read_released(tmp_path / "absent.json") is None
    report = assemble_report([measured()], {}, "t")
    assert (None, []) == (report["since"], summary.release_changes_text(report))


def test_what_is_remembered_is_read_again(tmp_path):
    """As `litemill release --remember` writes it."""
    found = release_diff.release_record(manifest(measured("int8")))
    (tmp_path / "released.json").write_text(json.dumps(found))

    assert found == release_diff.read_released(tmp_path / "released.json")


@pytest.mark.parametrize(
    "content", ["[]", '{"version": "1"}', "3", '{"version": "1", "variants": {"a": {}}}']
)
def test_another_file_is_refused(tmp_path, content):
    """One line."""
    (tmp_path / "released.json").write_text(content)

    with pytest.raises(DataError, match="not a release; expected what"):
        release_diff.read_released(tmp_path / "released.json")
