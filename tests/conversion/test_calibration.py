from __future__ import annotations

import numpy as np
import pytest

from litemill.config.schema.variant import Calibration, Selection
from litemill.conversion.calibration import representative_dataset, select_rows
from litemill.conversion.option_conflicts import too_few_samples
from litemill.core.errors import ConfigError, DataError
from litemill.data.samples import Samples

LABELS = np.repeat([0, 1, 2], [12, 5, 3])


def samples(classes=("a", "b", "c")):
    """Give 20 samples of three classes, counted in their values."""
    inputs = {"x": np.arange(20, dtype=np.float32).reshape(20, 1)}
    return Samples(inputs, {"target": LABELS}, classes, "classification")


def test_first_takes_the_first():
    """In their order."""
    assert [0, 1, 2, 3] == select_rows(Calibration(samples=4), samples())


def test_random_is_seeded_and_takes_none_twice():
    """The same on every machine."""
    options = Calibration(samples=20, selection=Selection.random, seed=3)

    assert select_rows(options, samples()) == select_rows(options, samples())
    assert list(range(20)) == sorted(select_rows(options, samples()))
    assert select_rows(options, samples()) != select_rows(
        Calibration(samples=20, selection=Selection.random), samples()
    )


def test_stratified_takes_as_many_of_each_as_there_are():
    """A class that runs out leaves its turns to the others."""
    rows = select_rows(Calibration(samples=9, selection=Selection.stratified), samples())
    most = select_rows(Calibration(samples=14, selection=Selection.stratified), samples())

    assert [3, 3, 3] == np.bincount(LABELS[rows]).tolist()
    assert [6, 5, 3] == np.bincount(LABELS[most]).tolist()


def test_too_many_samples_are_refused():
    """None is taken twice, and none is made up; in the words of those who can tell earlier."""
    with pytest.raises(ConfigError) as caught:
        select_rows(Calibration(samples=21), samples())

    assert str(too_few_samples(21, 20, "calibration.samples")) == str(caught.value)
    told = "calibration.samples: asks for 21 of 20 samples; expected at most 20, or more for"
    assert str(caught.value).startswith(told)


def test_stratified_needs_classes():
    """A data set of regression has none."""
    with pytest.raises(DataError, match="stratified, in a data set without classes"):
        select_rows(Calibration(samples=3, selection=Selection.stratified), samples(classes=None))


def test_the_representative_dataset_gives_one_sample_a_step():
    """By input name, again for every pass."""
    given = representative_dataset(samples(), [3, 1])

    for _ in range(2):
        assert [[[3.0]], [[1.0]]] == [step["x"].tolist() for step in given()]


def test_a_fixed_batch_is_filled_up():
    """With the first samples again."""
    steps = list(representative_dataset(samples(), [5, 6, 7], batch=2)())

    assert [[[5.0], [6.0]], [[7.0], [5.0]]] == [step["x"].tolist() for step in steps]
