from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from verdicts import broken, measured, metric, output, regression

import litemill.conf
from litemill.evaluation import checks
from litemill.evaluation.worst_case import USE_CONFIDENCE_BOUND

LIMITS = Path(litemill.conf.__file__).parent / "limits"


def test_every_check_stands_in_the_default_limits():
    """Who looks for a check finds it in limits/default.yaml of the package, on or off."""
    limits = yaml.safe_load((LIMITS / "default.yaml").read_text(encoding="utf-8"))

    assert sorted([*checks.check_names(), USE_CONFIDENCE_BOUND]) == sorted(limits)


@pytest.mark.parametrize("path", sorted(LIMITS.glob("*.yaml")), ids=lambda path: path.stem)
def test_limits_name_only_checks_that_exist(path):
    """A limit without a check would never be judged."""
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= {
        *checks.check_names(),
        USE_CONFIDENCE_BOUND,
    }


def test_known_leaves_out_what_is_always_on():
    """`runs` and `finite` take no limit, so nobody can switch them off."""
    assert not {"runs", "finite", "known", "judge"} & set(checks.check_names())


@pytest.mark.parametrize("name", checks.check_names())
def test_every_check_says_what_it_asks(name):
    """A check without a docstring cannot be documented."""
    assert getattr(checks, name).__doc__


def test_judge_asks_what_has_a_limit_and_what_is_always_on():
    """A null limit switches a check off."""
    outcomes = checks.run_checks(measured(), {"snr_db": 20, "max_abs_error": None})

    assert ["finite", "runs", "snr_db"] == list(outcomes)


def test_judge_asks_nothing_more_of_a_file_that_does_not_run():
    """Its missing measurements are no failures of their own."""
    outcomes = checks.run_checks(broken(), {"snr_db": 20, "metric_drop": 0.01})

    assert ["runs"] == list(outcomes)
    assert not outcomes["runs"].passed
    assert "node 3 has no kernel" in outcomes["runs"].message


@pytest.mark.parametrize(
    ("check", "limit", "found"),
    [
        ("metric_drop", 0.0028, 0.0028),
        ("metric_drop_relative", 0.00283143, 0.00283143),
        ("metric_min", 0.9861, 0.9861),
        ("top1_agreement", 0.9972, 0.9972),
        ("snr_db", 32.0, 32.0),
        ("max_abs_error", 0.05, 0.05),
        ("mean_abs_error", 0.01, 0.01),
        ("cosine_similarity", 0.9995, 0.9995),
        ("size_bytes", 26_700, 26_700),
    ],
)
def test_a_check_passes_exactly_at_its_limit(check, limit, found):
    """At most and at least include the limit, whatever binary fractions do."""
    outcome = getattr(checks, check)(measured(), limit)

    assert (True, found, 0) == (outcome.passed, outcome.found, outcome.margin)


@pytest.mark.parametrize(
    ("check", "limit", "text"),
    [
        ("metric_drop", 0.001, "found 0.0028; expected at most 0.001"),
        ("metric_min", 0.99, "found 0.9861 (top1); expected at least 0.99"),
        ("top1_agreement", 0.999, "found 0.9972; expected at least 0.999"),
        ("snr_db", 40, "found 32 dB; expected at least 40"),
        ("max_abs_error", 0.01, "found 0.05; expected at most 0.01"),
        ("size_bytes", 20_000, "found 26700 bytes; expected at most 20000"),
    ],
)
def test_a_failed_check_tells_what_it_found_and_expected(check, limit, text):
    """The line is all that the gate prints."""
    outcome = getattr(checks, check)(measured(), limit)

    assert (False, text) == (outcome.passed, outcome.message)
    assert outcome.margin < 0


def test_metric_min_is_a_ceiling_where_less_is_better():
    """An error of 43.4 is fine below 45, not above 43."""
    assert checks.metric_min(regression(), 45).passed
    assert not checks.metric_min(regression(), 43).passed


def test_a_better_variant_has_a_negative_drop_and_passes():
    """Quantization sometimes helps."""
    found = measured(metric=metric(0.95, 0.96))

    assert checks.metric_drop(found, 0).passed
    assert checks.metric_drop_relative(found, 0).passed


def test_metric_drop_relative_fails_any_error_over_a_perfect_source():
    """A source error of 0 leaves no share to compare with."""
    perfect = measured(metric=metric(0.0, 0.1, goal="minimize"))
    same = measured(metric=metric(0.0, 0.0, goal="minimize"))

    assert not checks.metric_drop_relative(perfect, 0.5).passed
    assert checks.metric_drop_relative(same, 0).passed


def test_metric_drop_relative_lets_rounding_of_a_tiny_error_pass():
    """Of a float file; of one that differs by more it fails all the same."""
    tiny = metric(1e-9, 3e-9, goal="minimize")
    for snr_db, passes in ((120.0, True), (40.0, False)):
        found = measured(metric=tiny, outputs={"y": output(snr_db=snr_db)})
        assert passes == checks.metric_drop_relative(found, 0.02).passed


@pytest.mark.parametrize("check", ["metric_drop", "metric_drop_relative", "metric_min"])
def test_a_metric_that_is_absent_fails_nothing_and_is_called_absent(check):
    """Unlabelled samples have no metric; that is not a metric of zero."""
    outcome = getattr(checks, check)(measured(metric=None), 0.01)

    assert (True, True, None) == (outcome.passed, outcome.absent, outcome.found)


def test_agreement_is_absent_without_classes():
    """A regression has no top class."""
    assert checks.top1_agreement(regression(), 0.99).absent


def test_the_worst_of_several_outputs_counts_and_is_named():
    """One good output does not hide a bad one."""
    found = measured(outputs={"a": output(snr_db=50.0), "b": output(snr_db=10.0)})

    outcome = checks.snr_db(found, 20)

    assert ("b", 10.0, False) == (outcome.output, outcome.found, outcome.passed)
    assert "at output 'b'" in outcome.message


def test_an_exact_output_has_no_noise_and_is_never_the_worst():
    """A null SNR with an error of 0 is infinitely good."""
    exact = output(snr_db=None, max_abs_error=0.0)

    assert checks.snr_db(measured(outputs={"a": exact}), 1000).passed
    assert checks.snr_db(measured(outputs={"a": exact, "b": output()}), 20).output == "b"


def test_an_output_without_a_finite_value_fails_every_check_of_fidelity():
    """Nothing measured is not perfect."""
    nothing = dict.fromkeys(output()) | {"non_finite": 3600}
    found = measured(outputs={"good": output(), "digit": nothing})

    for check in ("snr_db", "max_abs_error", "mean_abs_error", "cosine_similarity"):
        outcome = getattr(checks, check)(found, 0)
        assert (False, "digit", None) == (outcome.passed, outcome.output, outcome.found)
    assert not checks.finite(found).passed


def test_finite_fails_a_single_nan():
    """NaN or infinity anywhere fails."""
    assert checks.finite(measured()).passed
    assert not checks.finite(measured(outputs={"digit": output(non_finite=1)})).passed


COUNTS = {"both": 350, "source_only": 6, "variant_only": 2, "neither": 2}


@pytest.mark.parametrize(
    ("check", "limit", "spare"),
    [
        ("metric_drop", 0.0112, 0),
        ("metric_drop", 0.02, 3),
        ("metric_drop", 0.01, -1),
        ("metric_drop_relative", 0.02, 3),
        ("metric_min", 0.95, 10),
        ("metric_min", 0.98, -1),
        ("top1_agreement", 0.98, 6),
        ("top1_agreement", 1.0, -1),
    ],
)
def test_margins_are_told_in_samples_too(check, limit, spare):
    """How many more may go wrong, or how many are too many."""
    found = measured(
        metric={**metric(356 / 360, 352 / 360), "counts": COUNTS},
        agreement_samples={"digit": {"same": 359, "of": 360}},
    )
    outcome = getattr(checks, check)(found, limit)

    assert (spare, spare >= 0) == (outcome.margin_samples, outcome.passed)
    word = "passes" if spare >= 0 else "fails"
    assert f"({word} by {abs(spare)} sample{'' if abs(spare) == 1 else 's'})" in outcome.message


def test_per_class_drop_judges_the_worst_class():
    """And names it; absent where there are no classes."""
    rows = [
        {"class": "0", "samples": 40, "source": 1.0, "variant": 1.0, "drop": 0.0},
        {"class": "8", "samples": 20, "source": 0.95, "variant": 0.85, "drop": 0.1},
    ]
    found = measured(per_class=rows, metric={**metric(0.98, 0.97), "counts": COUNTS})
    outcome = checks.per_class_drop(found, 0.05)

    assert (False, 0.1, -1) == (outcome.passed, outcome.found, outcome.margin_samples)
    assert "found 0.1 in class '8'; expected at most 0.05 (fails by 1 sample)" == outcome.message
    assert checks.per_class_drop(found, 0.1).passed
    assert checks.per_class_drop(measured(), 0.05).absent


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("check", ["metric_drop", "metric_drop_relative", "metric_min"])
@pytest.mark.parametrize("use_confidence_bound", [False, True])
def test_a_metric_that_is_no_number_fails(check, goal, use_confidence_bound):
    """One sample whose answer is infinite makes the mean so; validate writes null for it."""
    unknown = metric(0.9, 0.9, goal=goal) | {"variant": None, "drop": None, "interval": None}
    limits = {check: 0.5, USE_CONFIDENCE_BOUND: use_confidence_bound}
    outcome = checks.run_checks(measured(metric=unknown), limits)[check]

    assert (False, None) == (outcome.passed, outcome.found)
    assert outcome.message.startswith("found no measurable value; expected at ")


def test_a_class_whose_metric_is_no_number_is_the_worst():
    """It would be the first by chance otherwise."""
    rows = [
        {"class": name, "samples": 3, "drop": drop}
        for name, drop in zip("abc", (0, None, 1), strict=True)
    ]
    outcome = checks.run_checks(measured(per_class=rows), {"per_class_drop": 2})["per_class_drop"]

    assert not outcome.passed
    assert outcome.message.startswith("found no measurable value; expected at most 2")


def test_a_source_of_zero_has_a_relative_drop_of_infinity():
    """Whatever is worse than it; what is as good drops by nothing."""
    worse = checks.run_checks(measured(metric=metric(0.0, -0.1)), {"metric_drop_relative": 1})
    same = checks.run_checks(measured(metric=metric(0.0, 0.0)), {"metric_drop_relative": 0})

    assert not worse["metric_drop_relative"].passed
    assert same["metric_drop_relative"].passed
