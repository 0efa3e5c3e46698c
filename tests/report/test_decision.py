from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from verdicts import broken, measured, metric, output, regression

from litemill.report.assemble import assemble_report
from litemill.report.layer_overlay import layer_overlay
from litemill.report.next_steps import next_steps
from litemill.report.page.pictures import LARGEST, show_sample
from litemill.report.png import png_bytes
from litemill.report.sentences import loss_sentence


def judge(*variants, **limits):
    """Judge variants against the same limits."""
    return assemble_report(list(variants), {one["variant"]: limits for one in variants}, "Digits")


def sentence(found):
    """Return what a report says of its only variant."""
    report = judge(found)
    return loss_sentence(report["variants"][0], report)


def interval(low, high):
    """Return a metric of 0.9, 0.1 points lower in the variant, with this interval of the drop."""
    ends = {"source": [0.8, 1.0], "variant": [0.8, 1.0], "drop": [low, high]}
    return {**metric(0.9, 0.899), "interval": ends, "confidence": 0.95}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (measured(metric=interval(0.0, 0.007)),
         "loses 0.1 points of accuracy, between 0 and 0.7 (95% interval)"),
        (measured(metric=interval(-0.002, 0.007)),
         "loses 0.1 points of accuracy, between a gain of 0.2 and a loss of 0.7 (95% interval)"),
        (measured(metric=metric(0.9, 0.9)), "keeps the source model's accuracy"),
        (measured(metric=metric(0.9, 0.91)), "gains 1 points of accuracy"),
        (regression(), "is worse by 0.3 of mean absolute error"),
        (broken(), "does not run: node 3 has no kernel"),
        (measured(metric=None), "differs from the source model by at most 0.05"),
        (measured(metric=None, outputs={"digit": output(max_abs_error=0.0, snr_db=None)}),
         "gives the outputs of the source model exactly"),
    ],
)  # fmt: skip
def test_a_loss_is_a_sentence(found, expected):
    """In points where the metric is a share, in its own unit where it is none."""
    assert expected == sentence(found)


def test_the_next_step_of_a_failure_is_the_command_that_mends_it():
    """And of one that options cannot mend, the file to change."""
    report = judge(measured(advice=["keep 'x' in float"]), snr_db=40)
    (step,) = next_steps(report)
    assert "litemill improve int8" == step.command
    assert "int8 fails snr_db. The layers say: keep 'x' in float." in step.text

    (step,) = next_steps(judge(measured(), size_bytes=1))
    assert ("", True) == (step.command, "conf/variant/int8.yaml" in step.text)
    (step,) = next_steps(judge(broken()))
    assert "litemill inspect build/convert/int16x8/model.tflite" == step.command


def test_the_next_step_of_a_pass_is_the_release():
    """After what is close, and what was not measured."""
    commands = [step.command for step in next_steps(judge(measured(), snr_db=31))]

    assert ["litemill sensitivity int8", "litemill benchmark", "litemill release --remember"] == (
        commands
    )


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (300, 400, 3)])
def test_a_picture_is_what_another_library_reads(shape):
    """Stored blocks of any length."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    with Image.open(io.BytesIO(png_bytes(pixels))) as image:
        image.load()
        assert np.array_equal(np.asarray(image), pixels)


def test_a_large_image_is_averaged_and_its_preprocessing_undone():
    """Values of -1 to 1 become 0 to 255; BGR becomes RGB."""
    values = np.full((200, 100, 3), [-1.0, 0.0, 1.0], np.float32)
    declared = {"scale": "2/255", "mean": [1.0], "order": "BGR"}

    src = show_sample("image", values, declared)["src"]
    with Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))) as image:
        pixels = np.asarray(image)
    assert max(pixels.shape) <= LARGEST
    assert {255} == set(pixels[..., 0].ravel().tolist())
    assert {0} == set(pixels[..., 2].ravel().tolist())


def test_a_row_of_a_table_is_its_values_and_a_signal_a_line():
    """No picture of either."""
    row = show_sample("x", np.asarray([1.0, 2.5]), {})
    assert ("1, 2.5", "", "") == (row["text"], row["src"], row["line"])
    signal = show_sample("x", np.sin(np.arange(1000.0)), {})
    assert ("", 160) == (signal["src"], len(signal["line"].split()))


def test_the_overlay_is_the_error_in_percent_by_tensor_of_the_variant():
    """20 dB are a tenth; what is exact has none; what cannot be told is left out."""
    rows = [
        {"tensor": "a1", "snr_db": 20.0, "max_abs_error": 0.5},
        {"tensor": "b", "snr_db": None, "max_abs_error": 0.0},
        {"tensor": "c", "snr_db": None, "max_abs_error": None},
    ]

    overlay = layer_overlay(rows)["main"]
    assert {"a1": {"value": 10.0}, "b": {"value": 0.0}} == overlay["results"]
    assert [0, 1] == [stop["stop"] for stop in overlay["gradient"]]
    assert layer_overlay([]) is None
