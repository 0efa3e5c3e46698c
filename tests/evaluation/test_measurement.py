from __future__ import annotations

import numpy as np
import pytest

from litemill.config.schema.validate import Validate
from litemill.data.samples import Samples
from litemill.evaluation.measurement import Measurement

REFERENCE = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
SAMPLES = Samples({"x": np.zeros((4, 1))}, {}, None, "classification")


def measurement():
    """Return one of a classifier without a metric."""
    options = Validate(task="classification")
    return Measurement({"y": REFERENCE}, SAMPLES, options, count=4)


def test_flips_are_counted_against_the_default_kernels():
    """Not against the source model, with which one answer agrees."""
    default = np.eye(3, dtype=np.float32)[[0, 2, 2, 1]]
    answers = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
    found = measurement()
    for rows, block in zip((slice(0, 3), slice(3, 4)), SAMPLES.batches(3), strict=True):
        found.add(rows.start, {"y": answers[rows]}, block, {"y": default[rows]})

    assert {"y": 1} == found.flips()
    assert {"y": {"same": 1, "of": 4}} == found.measures()["agreement_samples"]


def test_an_answer_of_another_shape_is_refused():
    """Broadcasting would measure something else."""
    with pytest.raises(ValueError, match=r"shape \[4, 1\], reference \[4, 3\]"):
        measurement().add(0, {"y": np.zeros((4, 1))}, SAMPLES)
