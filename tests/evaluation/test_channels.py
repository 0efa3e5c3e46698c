"""Channels that are lost in a file, and those that are not: built by hand, real numbers."""

from __future__ import annotations

import numpy as np
import pytest
import zoo
from hypothesis import given
from hypothesis import strategies as st

from litemill.config.schema.validate import Validate
from litemill.data.samples import Samples
from litemill.evaluation import checks
from litemill.evaluation.channels import MAX_DISTINCT, ChannelErrors
from litemill.evaluation.tolerance import TOLERANCES, measure_output, shortfalls
from litemill.evaluation.validate import measure_variant
from litemill.tflite.interpreter import Model

RNG = np.random.default_rng(5)


def quantized(values, bits=8):
    """Quantize by one scale whose range holds 0 and all values, as a tensor's calibration does."""
    low, high = min(0.0, values.min()), max(0.0, values.max())
    step = (high - low) / (2**bits - 1)
    return np.round((values - low) / step) * step + low, step


def measured(reference, output, step=None, batches=1):
    """Measure in batches."""
    errors = ChannelErrors(step)
    for pair in zip(
        np.array_split(reference, batches), np.array_split(output, batches), strict=True
    ):
        errors.add(*pair)
    return errors


def lost(reference, output, step=None):
    """List the channels that are lost, as (axis, number)."""
    channels = measured(reference, output, step).channels()
    return sorted((channel.axis, channel.number) for channel in channels if channel.lost)


def detections(samples=40, boxes=60):
    """Return boxes up to 640 and scores up to 1, [samples, 4 + classes, boxes]."""
    return np.concatenate(
        [RNG.uniform(0, 640, (samples, 4, boxes)), RNG.beta(0.3, 3, (samples, 3, boxes))], axis=1
    )


def test_scores_beside_boxes_are_lost_to_one_int8_scale():
    """The whole output is at 44 dB or more; every score is 0."""
    reference = detections()
    output, step = quantized(reference)
    error = output - reference

    assert 10 * np.log10((reference**2).sum() / (error**2).sum()) > 44
    assert [(1, 4), (1, 5), (1, 6)] == lost(reference, output, step)
    worst = measured(reference, output, step).measures()["worst"][0]
    assert ("constant", 1) == (worst["lost"], worst["distinct"])
    assert worst["step"] > 5


def test_scores_are_lost_along_the_last_axis_too():
    """[samples, boxes, 4 + classes]."""
    reference = np.moveaxis(detections(), 1, 2)

    assert [(2, 4), (2, 5), (2, 6)] == lost(reference, quantized(reference)[0])


@pytest.mark.parametrize("bits", [16])
def test_scores_are_kept_by_finer_steps(bits):
    """As int16x8 has them."""
    reference = detections()

    assert [] == lost(reference, quantized(reference, bits)[0])
    assert [] == lost(reference, reference.astype(np.float16).astype(np.float64))


def test_a_small_variation_about_a_large_offset_is_lost():
    """293 within 0.3: two values are left, and the mean would be the better answer."""
    reference = RNG.normal(293, 0.3, (200, 1))
    output, step = quantized(reference)
    (row,) = measured(reference, output, step).measures()["worst"]

    assert [(1, 0)] == lost(reference, output)
    assert ("noise", True) == (row["lost"], row["distinct"] <= 3)


def test_noise_in_place_of_a_channel_is_lost():
    """It varies as much as the source, and has nothing to do with it."""
    reference = RNG.normal(0, 1, (300, 4))
    output = reference.copy()
    output[:, 2] = RNG.permutation(output[:, 2])

    assert [(1, 2)] == lost(reference, output)


def test_a_constant_channel_of_the_source_is_never_lost():
    """Nor one that is zero everywhere, as behind a dead ReLU."""
    reference = RNG.normal(0, 1, (100, 4))
    reference[:, 1], reference[:, 2] = 0.0, 7.25

    assert [] == lost(reference, quantized(reference)[0])


def test_a_channel_of_rounding_noise_is_never_lost():
    """Sums that cancel out leave some 1e-7 of their terms."""
    reference = RNG.normal(0, 1, (100, 3))
    reference[:, 1] = RNG.normal(0, 1e-7, 100)
    reference[:, 2] = 5 + RNG.normal(0, 1e-7, 100)

    assert [] == lost(reference, quantized(reference)[0])


def test_a_relu_that_hardly_fires_is_never_lost():
    """Mostly exactly zero, and else below a step."""
    reference = np.maximum(RNG.normal(0, 2, (200, 3)), 0)
    reference[:, 1] = np.maximum(RNG.normal(-0.02, 0.01, 200), 0)

    assert [] == lost(reference, quantized(reference)[0])


def test_a_class_that_hardly_comes_up_is_never_lost():
    """Softmax probabilities share one unit: a constant zero is near enough."""
    logits = RNG.normal(0, 3, (300, 10))
    logits[:, 3] -= 14
    reference = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    assert [] == lost(reference, quantized(reference)[0])


def test_few_samples_judge_no_channel():
    """A spread of three values says nothing."""
    reference = RNG.normal(0, 1, (3, 2))

    assert [] == measured(reference, -reference).channels()


def test_the_same_output_has_no_error_and_loses_nothing():
    """Whatever its values."""
    reference = np.array([[0.0, 1e-30, 5.0]] * 20) * RNG.uniform(0, 1, (20, 1))

    assert [] == lost(reference, reference)


def test_values_that_are_no_numbers_do_not_hide_the_others():
    """They are the business of the check `finite`."""
    reference = np.moveaxis(detections(), 1, 2)
    output = quantized(reference)[0]
    output[0, 0, 0] = np.nan

    assert [(2, 4), (2, 5), (2, 6)] == lost(reference, output)


@given(
    rows=st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 2)), min_size=10, max_size=60),
    batches=st.integers(1, 9),
)
def test_batches_change_nothing(rows, batches):
    """Distinct values are counted up to a bound."""
    reference = np.array(rows, np.float64)
    output = np.round(reference / 2)
    whole = measured(reference, output).channels()
    parts = measured(reference, output, batches=batches).channels()

    assert [channel.distinct for channel in whole] == [channel.distinct for channel in parts]
    assert [channel.lost for channel in whole] == [channel.lost for channel in parts]
    by_number = {channel.number: channel.distinct for channel in whole}
    for number in range(2):
        assert min(MAX_DISTINCT, len(set(output[:, number]))) == by_number[number]


def detector():
    """Build a model that puts out boxes up to 640 and scores up to 1, [samples, boxes, 4 + 3]."""
    keras = zoo.quiet_keras()
    keras.utils.set_random_seed(4)
    image = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(40, activation="relu")(image)
    boxes = keras.layers.Dense(5 * 4, activation="sigmoid")(hidden)
    boxes = keras.layers.Rescaling(640.0)(keras.layers.Reshape((5, 4))(boxes))
    scores = keras.layers.Dense(5 * 3, activation="sigmoid")(hidden)
    scores = keras.layers.Reshape((5, 3))(scores)
    together = keras.layers.Concatenate(axis=-1, name="found")([boxes, scores])
    return keras.Model(image, together)


def measure(content, model, name="v"):
    """Measure a file against its Keras model on noise."""
    inputs = {"x": zoo.batch_of((6,), 60, seed=2)}
    signature = {"key": zoo.KEY, "inputs": {"x": {"dtype": "float32", "shape": [None, 6]}}}
    return measure_variant(
        content,
        variant=name,
        reference=zoo.answers(model, inputs),
        samples=Samples(inputs, {}, None, "none"),
        signature={**signature, "outputs": {"found": {}}},
        options=Validate(layer_samples=0),
    )


def test_an_int8_detector_with_one_output_loses_its_scores():
    """As TensorFlow converts it; the whole output looks faithful, the check says why it is not."""
    model = detector()
    found = measure(zoo.convert(model, "int8"), model)
    outcomes = checks.run_checks(found, {"snr_db": 20, "lost_channels": 0, "channel_snr_db": 10})

    assert outcomes["snr_db"].passed
    assert found["outputs"]["found"]["snr_db"] > 40
    assert (False, 3) == (outcomes["lost_channels"].passed, outcomes["lost_channels"].found)
    assert (
        "one scale holds values of very different size, or a large offset: split the output, keep"
        in (outcomes["lost_channels"].message)
    )
    assert not outcomes["channel_snr_db"].passed


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic_range", "int16x8"])
def test_other_files_of_the_detector_keep_their_scores(kind):
    """Their steps are fine enough, or there are none."""
    model = detector()
    found = measure(zoo.convert(model, kind), model)

    assert checks.lost_channels(found, 0).passed


def test_audit_and_convert_call_a_file_with_lost_channels_unfaithful():
    """By the same measure."""
    model = detector()
    inputs = {"x": zoo.batch_of((6,), 60, seed=2)}
    reference = zoo.answers(model, inputs)["found"]
    output = Model(zoo.convert(model, "int8")).run(inputs)["found"]

    (told,) = shortfalls("found", measure_output(reference, output), TOLERANCES["int8"], 60)
    assert told.startswith("output 'found': 3 channels are lost (of axis 2: ")
    assert [] == shortfalls("found", measure_output(reference, reference), TOLERANCES["int8"], 60)


@pytest.mark.parametrize(
    "name", ["float32", "float16", "dynamic_range", "int8", "int8_float_io", "int16x8"]
)
def test_faithful_classifiers_lose_no_channel(name):
    """Logits of ten classes."""
    inputs = {"image": zoo.batch_of(zoo.IMAGE, 80, seed=3)}
    found = measure_variant(
        zoo.file(name),
        variant=name,
        reference=zoo.answers(zoo.cnn(), inputs),
        samples=Samples(inputs, {}, None, "none"),
        signature=zoo.SIGNATURE,
        options=Validate(layer_samples=0),
    )

    assert 0 == found["channels"]["digit"]["lost"]
    assert (10, 8) == (
        found["channels"]["digit"]["count"],
        len(found["channels"]["digit"]["worst"]),
    )


def test_without_enough_values_the_checks_are_absent():
    """Nothing is said about what was not measured."""
    assert checks.lost_channels({"channels": {"y": {"count": 0, "lost": 0, "worst": []}}}, 0).absent
    assert checks.channel_snr_db({"channels": {}}, 10).absent
