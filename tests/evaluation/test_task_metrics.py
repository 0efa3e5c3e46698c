"""Masks and several labels a sample: from a .npz file to the checks of an int8 file."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from litemill.config.schema.prepare import Prepare, Split, Task
from litemill.config.schema.validate import Metric, Validate
from litemill.data.prepare import prepare_splits
from litemill.data.samples import read_split
from litemill.evaluation.chance import chance_level
from litemill.evaluation.checks import run_checks
from litemill.evaluation.validate import measure_variant
from litemill.tflite.flatbuffer import describe

IMAGES = np.random.default_rng(0).random((200, 6, 6, 1)).astype(np.float32)
BRIGHT = IMAGES > 0.6
TARGETS = {  # of the images, by score
    "image_iou": BRIGHT.astype(np.float32),
    "label_f1": BRIGHT[:, 0, :3, 0].astype(np.float32),
}
LAYERS = {
    "image_iou": lambda layers: [layers.Conv2D(4, 1, activation="relu"), layers.Conv2D(1, 1)],
    "label_f1": lambda layers: [layers.Flatten(), layers.Dense(3)],
}


def by_scikit_learn(score, logits, target):
    """Return the metric by an independent implementation."""
    if score == "label_f1":
        return f1_score(target, logits > 0, average="samples", zero_division=1)
    pairs = zip(target.reshape(len(target), -1), logits.reshape(len(logits), -1) > 0, strict=True)
    return np.mean([jaccard_score(t, p, zero_division=1) for t, p in pairs])


@lru_cache
def trained(score):
    """Return a model that answers logits, and its int8 file."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Input((6, 6, 1), name="image"), *LAYERS[score](keras.layers)]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss)
    model.fit(IMAGES[:120], TARGETS[score][:120], epochs=40, verbose=0)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in IMAGES[:50])
    return model, converter.convert()


@pytest.mark.parametrize("score", ["label_f1", pytest.param("image_iou", marks=pytest.mark.slow)])
def test_a_task_is_measured_and_held_to_its_limits(score, tmp_path):
    """The metric of both models is that of scikit-learn, and a failed limit names it."""
    np.savez(tmp_path / "samples.npz", x=IMAGES, y=TARGETS[score])
    load = {
        "_target_": "litemill.data.loaders.npz",
        "path": str(tmp_path / "samples.npz"),
        "inputs": {"image": "x"},
        "target": "y",
    }
    split = Split(train=0.6, calibration=0.1, evaluation=0.3, stratify=False)
    prepare_splits(Prepare(load, Task.regression, split), tmp_path / "prepared")
    samples = read_split(tmp_path / "prepared/evaluation")
    model, content = trained(score)
    images, target = np.array(samples.inputs["image"]), np.array(samples.targets["target"])
    expected = np.asarray(model(images))
    signature = describe(content, "int8").signatures[0]
    given = {"dtype": "float32", "shape": [None, 6, 6, 1]}
    metric = Metric(score, {"_target_": f"litemill.metrics.{score}", "threshold": 0})
    found = measure_variant(
        content,
        variant="int8",
        reference={next(iter(signature.outputs)): expected},
        samples=samples,
        signature={
            "key": signature.key,
            "inputs": dict.fromkeys(signature.inputs, given),
            "outputs": {name: {} for name in signature.outputs},
        },
        options=Validate(task="regression", metric=metric, kernels=["default"]),
    )

    assert found["error"] is None
    assert by_scikit_learn(score, expected, target) == pytest.approx(found["metric"]["source"])
    assert found["metric"]["source"] > 0.8
    assert found["metric"]["interval"]["source"][0] <= found["metric"]["source"]
    outcomes = run_checks(found, {"metric_min": 0.9999, "metric_drop": 0.2}, tmp_path)
    assert outcomes["metric_drop"].passed
    assert (False, True) == (
        outcomes["metric_min"].passed,
        f"({score})" in outcomes["metric_min"].message,
    )
    assert chance_level(metric, {"y": expected}, samples).better
    shuffled = np.random.default_rng(1).permutation(expected)
    assert not chance_level(metric, {"y": shuffled}, samples).better
