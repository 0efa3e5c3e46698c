from __future__ import annotations

import pytest
from verdicts import broken, kernels, measured, metric, output, regression

from litemill.report.assemble import assemble_report
from litemill.report.columns import columns
from litemill.report.highlights import (
    closest_limit,
    common_limit,
    highlights,
    kernel_disagreement_text,
)


def judge(*variants, **limits):
    """Judge variants against the same limits."""
    return assemble_report(list(variants), {one["variant"]: limits for one in variants}, "Digits")


def tile(report, title):
    """Return the highlight of a title: (answer, note)."""
    return next(((h.answer, h.note) for h in highlights(report) if h.title == title), None)


def test_the_smallest_margin_is_in_samples_where_samples_are_counted():
    """The fewest of all variants, however small the shares of others are."""
    counts = {"both": 350, "source_only": 6, "variant_only": 2, "neither": 2}
    found = measured(metric={**metric(356 / 360, 352 / 360), "counts": counts})

    report = judge(found, metric_drop=0.02, snr_db=31.9)
    assert ("3 samples", "int8.metric_drop") == tile(report, "Smallest margin")
    assert ("metric_drop", "passes by 3 samples") == closest_limit(report["variants"][0])


def test_the_smallest_margin_of_a_regression_is_the_smallest_share_of_a_limit():
    """Nothing counts samples there."""
    passed = judge(regression("float32"), regression(), metric_drop=0.4, snr_db=20)

    assert ("0.1", "float32.metric_drop, 25% of its limit") == tile(passed, "Smallest margin")
    assert tile(judge(regression()), "Smallest margin") is None


def test_a_limit_of_0_that_is_met_exactly_is_the_closest():
    """And `finite`, whose 0 nobody chose, is not."""
    exact = measured(metric=metric(0.9, 0.9))

    (row,) = judge(exact, metric_drop=0, snr_db=20)["variants"]
    assert ("metric_drop", "passes by 0") == closest_limit(row)
    assert ("0", "int8.metric_drop") == tile(
        judge(exact, metric_drop=0, snr_db=20), "Smallest margin"
    )
    better = measured(metric=metric(0.9, 0.95))
    (row,) = judge(better, metric_drop=0, snr_db=20)["variants"]
    assert "snr_db" == closest_limit(row)[0]
    (row,) = judge(exact)["variants"]
    assert closest_limit(row) is None


@pytest.mark.parametrize(
    ("own", "shared"),
    [
        ({"a": 0.02, "b": 0.02}, 0.02),
        ({"a": 0.02, "b": 0.03}, None),
        ({"a": 0.02, "b": None}, None),
        ({"b": 0.02}, None),
        ({}, None),
    ],
)
def test_a_limit_is_shared_by_every_variant_that_runs_or_by_none(own, shared):
    """A file that does not run is held to nothing else."""
    limits = {name: {"metric_drop": limit} for name, limit in own.items()}
    found = assemble_report([measured("a"), measured("b"), broken()], limits, "Digits")

    assert shared == common_limit(found["variants"], "metric_drop")


def test_disagreement_counts_samples_where_each_has_a_single_answer():
    """And the tile says where they are."""
    found = judge(measured(kernels=kernels(reference={"flips": {"digit": 5}})))

    assert ("5 of 360", "int8, reference kernels") == tile(found, "Kernel-dependent predictions")
    assert {"no_delegate": 0, "reference": 5} == found["variants"][0]["flips"]


def test_disagreement_counts_answers_where_a_sample_has_several():
    """An output of 64 positions, beside one of a class: all outputs together, everywhere alike."""
    counts = {"digit": {"same": 358, "of": 360}, "mask": {"same": 18_040, "of": 23_040}}
    many = {"flips": {"digit": 2, "mask": 5000}, "agreement_samples": counts}
    found = judge(measured(kernels=kernels(reference=many)))
    row = found["variants"][0]

    assert "5,002 of 23,400 answers" == kernel_disagreement_text(row["kernels"]["reference"])
    assert "5,002 of 23,400 answers" == tile(found, "Kernel-dependent predictions")[0]
    assert 5002 == row["flips"]["reference"]


def test_margins_count_answers_where_a_sample_has_several():
    """In the check's line and in what is closest."""
    counts = {"digit": {"same": 23_000, "of": 23_040}}
    found = measured(top1_agreement={"digit": 23_000 / 23_040}, agreement_samples=counts)

    (row,) = judge(found, top1_agreement=0.99)["variants"]
    assert "(passes by 190 answers)" in row["checks"]["top1_agreement"]["message"]
    assert ("top1_agreement", "passes by 190 answers") == closest_limit(row)
    flips = {"flips": {"digit": 5000}, "agreement_samples": counts}
    (row,) = judge(measured(kernels=kernels(reference=flips)), kernel_disagreement=0.02)["variants"]
    assert ("kernel_disagreement failed", "by 4,540 answers") == closest_limit(row)


def test_latencies_have_no_exponent():
    """Of a model that takes seconds, or a microsecond."""
    run = {"threads": 1, "latency_ms": {"p50": 1234.5}}
    result = {"sha256": measured()["sha256"], "error": None, "threads": [run]}
    machines = {"board": {"machine": {}, "variants": {"int8": result}}}
    found = assemble_report([measured()], {}, "Digits", machines=machines)
    (column,) = [one for one in columns(found) if one.key == "board_p50_ms"]
    assert ("board p50 ms", "1,234") == (column.title, column.cell(found["variants"][0]))


def test_a_metric_that_is_not_finite_has_no_drop():
    """The other variants are compared."""
    nan = measured("nan", metric={**metric(0.9, 0.8), "variant": None, "drop": None})
    found = judge(nan, measured(), measured("same", outputs={"digit": output(snr_db=None)}))

    assert "0.0028" == tile(found, "Largest drop of top1")[0]
