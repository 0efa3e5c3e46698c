from __future__ import annotations

from verdicts import kernels, measured, metric, output

from litemill.evaluation import checks
from litemill.evaluation.worst_case import USE_CONFIDENCE_BOUND, worst_of_interval


def judged(found, name, limit, **more):
    """Judge one check among all."""
    return checks.run_checks(found, {name: limit, **more})[name]


def test_the_worst_kernels_are_judged_and_named():
    """The line of the gate says which."""
    found = measured(kernels=kernels(reference={"outputs": {"digit": output(snr_db=18.0)}}))
    outcome = judged(found, "snr_db", 20)

    assert (False, "reference", 18.0) == (outcome.passed, outcome.kernels, outcome.found)
    assert "found 18 dB at kernels 'reference'; expected at least 20" == outcome.message


def test_the_worst_kernels_are_judged_where_all_pass():
    """The margin is theirs; the worst of several counts."""
    worse = {"outputs": {"digit": output(snr_db=25.0)}}
    worst = {"outputs": {"digit": output(snr_db=22.0)}}
    outcome = judged(measured(kernels=kernels(no_delegate=worst, reference=worse)), "snr_db", 20)

    assert (True, "no_delegate", 2.0) == (outcome.passed, outcome.kernels, outcome.margin)


def test_the_default_kernels_are_not_named_where_none_is_worse():
    """Better ones do not help either."""
    found = measured(kernels=kernels(no_delegate={"outputs": {"digit": output(snr_db=60.0)}}))
    outcome = judged(found, "snr_db", 20)

    assert (None, 32.0) == (outcome.kernels, outcome.found)


def test_kernels_that_do_not_run_fail_the_file_and_nothing_else():
    """Its other measures are judged."""
    broken = {"error": "int8: node 3 has no kernel", "outputs": {}, "metric": None}
    outcomes = checks.run_checks(measured(kernels=kernels(reference=broken)), {"snr_db": 20})

    assert [False, True] == [outcomes[name].passed for name in ("runs", "snr_db")]
    assert outcomes["runs"].message.startswith(
        "found an error (int8: node 3 has no kernel) at kernels"
    )


def test_kernels_that_answered_fewer_samples_are_compared_on_these():
    """Samples that are hard for the default kernels, too, say nothing of the kernels."""
    hard = {
        "top1_agreement": {"digit": 0.97},
        "agreement_samples": {"digit": {"same": 97, "of": 100}},
    }
    same = measured(kernels=kernels(reference={**hard, "default": hard}))
    easy = {**hard, "top1_agreement": {"digit": 1.0}}
    worse = measured(kernels=kernels(reference={**hard, "default": easy}))

    assert judged(same, "top1_agreement", 0.98).passed
    assert not judged(worse, "top1_agreement", 0.98).passed


def test_flips_between_kernels_are_limited_and_told():
    """As a share, and in answers."""
    found = measured(kernels=kernels(no_delegate={"flips": {"digit": 9}}))
    outcome = judged(found, "kernel_disagreement", 0.02)

    assert (False, "no_delegate", -2) == (outcome.passed, outcome.kernels, outcome.margin_samples)
    assert (
        "found 0.025 of the answers at kernels 'no_delegate'; expected at most 0.02"
        " (fails by 2 samples)"
    ) == outcome.message
    assert judged(measured(kernels=kernels()), "kernel_disagreement", 0.02).passed
    assert judged(measured(), "kernel_disagreement", 0.02).absent


def test_the_use_confidence_bound_end_is_judged_where_that_is_asked():
    """Of the drop its upper end, of the metric the worse one."""
    found = measured(metric={**metric(0.9889, 0.9861), **interval([0.97, 0.99], [-0.001, 0.008])})
    ask = {USE_CONFIDENCE_BOUND: True}

    assert judged(found, "metric_drop", 0.005, **{USE_CONFIDENCE_BOUND: False}).passed
    assert 0.97 == judged(found, "metric_min", 0.98, **ask).found
    outcome = judged(found, "metric_drop", 0.005, **ask)
    assert (False, None) == (outcome.passed, outcome.margin_samples)
    assert (
        "found 0.008 at the worse end of the 95% interval; expected at most 0.005"
        == outcome.message
    )


def test_the_use_confidence_bound_end_is_the_upper_one_where_less_is_better():
    """And that of every set of kernels is its own."""
    error = {**metric(43.0, 43.4, "mae", "minimize"), **interval([42.0, 45.0], [0.1, 0.9])}
    other = {**error, **interval([42.0, 46.0], [0.1, 2.0])}
    ended = worst_of_interval(measured(metric=error, kernels=kernels(reference={"metric": other})))

    assert (45.0, 0.9) == (ended["metric"]["variant"], ended["metric"]["drop"])
    assert 46.0 == ended["kernels"]["reference"]["metric"]["variant"]


def interval(variant, drop):
    """Return what a metric has beside its means."""
    return {"confidence": 0.95, "interval": {"source": [0, 1], "variant": variant, "drop": drop}}
