"""What improve tries next, from measured layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litemill.cli.main import parser
from litemill.config.schema.variant import (
    Calibration,
    Optimization,
    Selection,
    TensorType,
    Variant,
)
from litemill.core.errors import ConfigError
from litemill.evaluation.outcome import Outcome
from litemill.improve.steps import (
    can_have_float_layers,
    describe_changes,
    loses_channels,
    with_float_outputs,
    with_more_samples,
    with_one_layer_less,
    with_other_selections,
    with_uneven_layers_in_float,
    worst_layer,
)
from litemill.improve.trial import Trial, judge_trial
from litemill.sweep.executor import PointResult
from litemill.sweep.inputs import SweepInputs
from litemill.sweep.points import Point

INT8 = Variant(optimization=Optimization.int8)
FILE = {"sha256": "0" * 64, "bytes": 2048, "kind": "int8"}


def given(samples=180, classes=10):
    """Return inputs with a calibration split of this size."""
    return SweepInputs(
        None, "", "", "", {"samples": samples, "classes": classes}, keras=True, quantizers={}
    )


def trial(variant, **measured):
    """Return a trial whose measurement is this."""
    point = Point("p", variant, {}, None)
    return Trial("tried", PointResult(point, FILE, {"error": None, **measured}), {})


def row(name, adds, reads=(), label=None):
    """Return a measured layer."""
    return {"name": name, "label": label or name, "adds": adds, "reads": list(reads)}


def test_a_try_whose_metric_is_not_finite_is_told():
    """JSON has no NaN: validate writes null."""
    found = {"name": "top1", "variant": None, "drop": None}

    assert "2.0 KiB, top1 none, drop none" == trial(INT8, metric=found).numbers()


@pytest.mark.parametrize("limit", ["inf", "-inf", "nan"])
def test_improve_refuses_a_limit_that_no_variant_may_have(limit):
    """Before anything is looked at: configure would refuse what is written with it."""
    asked = parser("improve").parse_args(["improve", "int8", f"--metric-drop={limit}"])

    with pytest.raises(ConfigError, match=f"^--metric-drop: found {limit}; expected a finite"):
        asked.run(asked)


def test_more_samples_double_up_to_all():
    """And stop there; a float variant has none."""
    asked = [variant.calibration.samples for _, variant in with_more_samples(INT8, given(500))]

    assert [200, 400, 500] == asked
    assert [] == list(with_more_samples(Variant(), given()))


def test_other_picks_are_those_that_the_data_allows():
    """No classes, no selection by class; all samples, no selection at all."""
    picks = [
        [v.calibration.selection for _, v in with_other_selections(INT8, given(180, n))]
        for n in (10, None)
    ]

    assert [[Selection.random, Selection.stratified], [Selection.random]] == picks
    assert [] == list(with_other_selections(INT8, given(100)))


def test_the_worst_layer_is_the_one_that_adds_most():
    """An output goes by its own name."""
    layers = [row("a", 0.3), row("b:0", 0.7, ["a"], "digit")]

    assert "digit" == worst_layer(trial(INT8, layers=layers), set())
    assert "a" == worst_layer(trial(INT8, layers=layers), {"digit"})


def test_behind_a_float_layer_that_still_adds_most_is_the_one_that_it_reads():
    """However little that one adds itself: its integers are what is too coarse."""
    layers = [row("a", 0.0), row("b", 0.9, ["a"]), row("c", 0.1)]
    kept = Variant(optimization=Optimization.int8, float_layers=["b"])

    assert "a" == worst_layer(trial(kept, layers=layers), set())
    assert "c" == worst_layer(trial(kept, layers=layers), {"a"})


def test_uneven_channels_want_their_layer_and_its_readers_in_float():
    """Blamed where it adds the noise, or where a layer does that reads it; not elsewhere."""
    a = {**row("a", 0.0), "unevenness": 4096.0}
    layers = [a, row("b:0", 0.9, ["a"], "digit"), row("c", 0.1, ["b:0"])]
    ((words, changed),) = with_uneven_layers_in_float(trial(INT8, layers=layers))

    assert ["a", "digit"] == changed.float_layers
    assert "2 layers in float (a, digit)" == words
    even = [row("a", 0.0), *layers[1:]]
    assert [] == list(with_uneven_layers_in_float(trial(INT8, layers=even)))
    quiet = [a, row("b:0", 0.1, ["a"]), row("c", 0.9)]
    assert [] == list(with_uneven_layers_in_float(trial(INT8, layers=quiet)))


def test_lost_channels_want_float_outputs():
    """The layers that write them, and the outputs' own type; not where no channel is lost."""
    layers = [row("a", 0.9), row("b", 0.0, ["a"], "boxes"), row("c", 0.1, ["a"])]
    integers = replace(INT8, output_type=TensorType.int8)
    ((words, changed),) = with_float_outputs(trial(integers, layers=layers))

    assert ["boxes", "c"] == changed.float_layers
    assert TensorType.float32 is changed.output_type
    assert "output_type=float32, 2 layers in float (boxes, c)" == words
    assert [] == list(with_float_outputs(trial(Variant(), layers=layers)))

    for lost in (0, 1):
        channel = {"axis": 1, "channel": 4, "lost": "constant", "step": 9.0, "share": 1e-3}
        channels = {"y": {"count": 5, "lost": lost, "worst": [channel]}}
        measured = {"error": None, "outputs": {"y": {"non_finite": 0}}, "channels": channels}
        found = PointResult(Point("p", INT8, {}, None), FILE, measured)
        assert bool(lost) == loses_channels(judge_trial("tried", found, {"lost_channels": 0}))


def test_no_layer_is_next_where_none_adds_noise():
    """Or where layers were not compared."""
    assert worst_layer(trial(INT8, layers=[row("a", 0.0)]), set()) is None
    assert worst_layer(trial(INT8, layers=None), set()) is None


def test_each_float_layer_but_the_last_is_left_out_again():
    """The last one made the difference."""
    kept = Variant(float_layers=["a;x", "b", "c"])

    assert [("without float a", ["b", "c"]), ("without float b", ["a;x", "c"])] == [
        (what, variant.float_layers) for what, variant in with_one_layer_less(kept)
    ]


def test_only_int8_and_recipes_spare_layers():
    """As litemill.conversion.option_conflicts says."""
    kinds = {kind: can_have_float_layers(Variant(optimization=kind)) for kind in Optimization}

    assert [Optimization.int8] == [kind for kind, spares in kinds.items() if spares]
    assert can_have_float_layers(Variant(recipe=[{}]))


def test_changes_are_told_in_the_words_of_options():
    """As the head of the new variant's file has them."""
    changed = Variant(calibration=Calibration(200, Selection.random), float_layers=["a;x"])

    words = "calibration.samples=200, calibration.selection=random, 1 layer in float (a)"
    assert words == describe_changes(Variant(), changed)


def test_trials_that_pass_come_first_by_size_then_those_that_lack_least():
    """A file that could not be made comes last."""

    def made(size, drop):
        measured = {"error": None, "outputs": {"y": {"non_finite": 0}}}
        measured |= {"metric": None, "top1_agreement": {"y": 1 - drop}}
        found = PointResult(Point("p", INT8, {}, None), {**FILE, "bytes": size}, measured)
        return judge_trial("tried", found, {"top1_agreement": 0.9, "size_bytes": None})

    failed = judge_trial("tried", PointResult(Point("p", INT8, {}, None), error="no"), {})
    some = [failed, made(10, 0.5), made(10, 0.2), made(99, 0.0), made(50, 0.0)]

    assert [50, 99, 10, 10, 0] == [one.bytes for one in sorted(some, key=Trial.cost)]
    assert "failed: no" == failed.verdict()
    assert made(10, 0.2).verdict().startswith("top1_agreement found 0.8")


def failing(found, *, lost, channels=100):
    """Return a trial that fails a limit of 0.1 by `found`, and loses channels where none may be."""
    outcomes = {
        "metric_drop": Outcome(found <= 0.1, found, 0.1, f"found {found}", margin=0.1 - found),
        "lost_channels": Outcome(not lost, float(lost), 0, f"found {lost} channels"),
    }
    tried = trial(INT8, channels={"out": {"count": channels, "lost": lost, "worst": []}})
    return replace(tried, outcomes=outcomes)


def test_what_fails_is_compared_by_shares():
    """One lost channel of many is less than a metric far below its limit, and than half of all."""
    assert failing(0.3, lost=1).verdict().startswith("metric_drop")
    assert failing(0.11, lost=50).verdict().startswith("lost_channels")
    costs = [failing(0.05, lost=1), failing(0.05, lost=50), failing(0.3, lost=1)]
    assert costs == sorted(costs, key=lambda one: one.cost())
    assert failing(0.05, lost=0).passed
