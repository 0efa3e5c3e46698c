from __future__ import annotations

import json

import pytest
from verdicts import measured

from litemill.core.errors import DataError
from litemill.evaluation import checks, latency_results
from litemill.pipeline.limit_rules import latency_errors
from litemill.report.assemble import assemble_report, write_report

SHA = measured("int8")["sha256"]


def result(sha256=SHA, p50=3.0, **changes):
    """Return what a machine measured of one variant, with one and with four threads."""
    runs = [
        {"threads": threads, "runs": 9, "per_second": 1.0, "startup_ms": 1.0, "peak_kib": None,
         "latency_ms": {"p50": p50 / threads, "p90": 4.0, "p99": 9.0, "min": 0.5}}
        for threads in (1, 4)
    ]  # fmt: skip
    values = {
        "sha256": sha256,
        "error": None,
        "threads": runs,
        "operators": [],
        "unprofiled": "why",
    }
    return {**values, **changes}


def machines(**variants):
    """Return the results of one machine."""
    return {"phone": {"machine": {"processor": "P"}, "variants": variants}}


def judged(limit, **variants):
    """Judge a variant by its latency alone."""
    message = assemble_report(
        [measured("int8")], {"int8": {"latency_ms": limit}}, "t", machines=machines(**variants)
    )
    return message["variants"][0]["checks"]["latency_ms"]


def test_a_latency_is_held_to_the_limit_of_its_machine():
    """The percentile that is the tightest decides."""
    assert judged({"phone": {"p50": 5}}, int8=result())["passed"]
    failed = judged({"phone": {"p50": 5, "p99": 8}}, int8=result())
    assert "found 9 ms p99 on machine 'phone'; expected at most 8" == failed["message"]
    assert (False, -1.0) == (failed["passed"], failed["margin"])


def test_a_limit_names_the_number_of_threads():
    """Otherwise the first one that was measured counts."""
    assert not judged({"phone": {"p50": 1}}, int8=result())["passed"]
    assert judged({"phone": {"p50": 1, "threads": 4}}, int8=result())["passed"]
    missing = judged({"phone": {"p50": 1, "threads": 3}}, int8=result())
    assert "with 3 threads" in missing["message"]
    assert not missing["passed"]


@pytest.mark.parametrize(
    ("variants", "message"),
    [({}, "no result"), ({"int8": result("of others")}, "a result for other bytes")],
)
def test_a_file_that_was_not_measured_fails_and_says_what_to_do(variants, message):
    """Nobody knows how fast it is there."""
    found = judged({"phone": {"p50": 5}}, **variants)

    assert (False, None) == (found["passed"], found["found"])
    assert f"found {message} of machine 'phone'; expected one for these bytes" in found["message"]
    assert "measured/phone.json" in found["message"]


def test_of_several_machines_one_that_did_not_measure_decides():
    """However fast the file is on the others."""
    found = judged({"board": {"p50": 1}, "phone": {"p50": 5}}, int8=result())

    assert "machine 'board'" in found["message"]


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (5, "expected machines"),
        ({"phone": 5}, "expected machines"),
        ({}, "no machine"),
        ({"phone": {"p95": 5}}, "did you mean 'p9"),
        ({"phone": {"threads": 2}}, "no percentile"),
        ({"phone": {"p50": -1}}, "found -1"),
        ({"phone": {"p50": True}}, "found True"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(limit, message):
    """By configure, before anything is built."""
    assert message in str(next(iter(latency_errors(limit, "limits.latency_ms"))))


@pytest.mark.parametrize("limit", [None, {"phone": {"p50": 5, "p99": 9.5, "threads": 1}}])
def test_a_limit_that_can_be_meant_is_taken(limit):
    """And none at all."""
    assert [] == list(latency_errors(limit, "limits.latency_ms"))
    assert "latency_ms" in checks.check_names()


def test_results_for_other_bytes_are_stale_and_shown_nowhere_as_current(tmp_path):
    """Page, Markdown and CSV."""
    message = assemble_report(
        [measured("int8")], {}, "t", machines=machines(int8=result("old", p50=123.0))
    )
    write_report(message, tmp_path / "report")

    assert not message["variants"][0]["latency"]["phone"]["current"]
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    markdown = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "stale" in page
    assert "stale" in markdown
    assert "123" not in page + markdown


def test_a_variant_that_did_not_run_there_has_no_result():
    """It is not as fast as nothing."""
    assert {} == latency_results.latencies_of(machines(int8=result(error="no kernel")), "int8", SHA)


def test_read_takes_what_a_benchmark_writes_and_nothing_for_an_empty_folder(tmp_path):
    """The file's name is the machine's."""
    assert {} == latency_results.read_latencies(tmp_path)
    (tmp_path / "README.md").write_text("Results.")
    one = machines(int8=result())["phone"]
    (tmp_path / "phone.json").write_text(json.dumps(one))

    assert {"phone": one} == latency_results.read_latencies(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"machine": {}, "variants": {"a": {}}}',
        json.dumps(machines(a=result(p50=1.0, threads=[]))["phone"]),
        json.dumps(
            machines(a=result(operators=[{"name": "x", "by": "y", "share": "all"}]))["phone"]
        ),
        json.dumps(machines(a=result(sha256=5))["phone"]),
    ],
)
def test_read_refuses_what_is_no_result(tmp_path, content):
    """One line, which names the file."""
    (tmp_path / "phone.json").write_text(content)

    with pytest.raises(DataError, match=r"phone\.json: not a result of a benchmark"):
        latency_results.read_latencies(tmp_path)
