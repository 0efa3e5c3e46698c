from __future__ import annotations

from verdicts import kernels, measured, metric, output, regression

from litemill.report.assemble import assemble_report
from litemill.report.verdict import failed_checks, table_notes

LIMITS = {"int8": {"snr_db": 20}}
ROWS = [
    {"class": "0", "samples": 40, "source": 1.0, "variant": 1.0, "drop": 0.0},
    {"class": "8", "samples": 1, "source": 1.0, "variant": 0.0, "drop": 1.0},
]


def notes(*variants):
    """Return the notes on variants without limits."""
    return table_notes(assemble_report(list(variants), {}, "Digits"))


def test_notes_tell_what_the_table_does_not_show():
    """How sure the drop is, the worst class, flips between kernels, advice."""
    ends = {"source": [0.97, 1.0], "variant": [0.97, 0.99], "drop": [-0.001, 0.0068]}
    found = measured(
        metric={**metric(0.9889, 0.9861), "confidence": 0.95, "interval": ends},
        per_class=ROWS,
        kernels=kernels(no_delegate={"flips": {"digit": 2}}, reference={"flips": {"digit": 0}}),
        advice=["keep FULLY_CONNECTED 'digit' in float"],
    )

    assert [
        (
            "int8: loses 0.3 points of accuracy, between a gain of 0.1 and a loss of 0.7"
            " (95% interval)"
        ),
        "int8: class 8 loses most: 1 of top1, on 1 sample",
        "int8: 2 predictions change with the kernels 'no_delegate'",
        "int8: keep FULLY_CONNECTED 'digit' in float",
    ] == notes(found)


def test_notes_are_silent_where_there_is_nothing_to_know():
    """A drop of nothing, no class that loses, no flips; no classes at all."""
    same = {"source": [0.9, 1.0], "variant": [0.9, 1.0], "drop": [0.0, 0.0]}
    quiet = measured(
        metric={**metric(1.0, 1.0), "confidence": 0.95, "interval": same},
        per_class=ROWS[:1],
        kernels=kernels(),
    )

    assert [] == notes(quiet, regression("float32"))


def test_failed_checks_have_fields():
    """Variant and check are never read back from a line of text."""
    report = assemble_report([measured(outputs={"y": output(snr_db=12.0)})], LIMITS, "Digits")

    (check,) = failed_checks(report)

    assert ("int8", "snr_db", "int8.snr_db") == (check.variant, check.check, check.place)
    assert ("found 12 dB; expected at least 20", -8.0) == (check.text, check.margin)
    assert "int8.snr_db: found 12 dB; expected at least 20" == str(check)
