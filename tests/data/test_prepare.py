from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litemill.config.schema.prepare import Duplicates, Prepare, Split, Task
from litemill.core.errors import ConfigError, DataError, LitemillError
from litemill.core.files import tree_sha256
from litemill.data.prepare import prepare_splits
from litemill.data.samples import read_split

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "calibration", "evaluation")
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture
def make(tmp_path):
    """Return a function that prepares arrays and answers the folder."""

    def call(task=Task.classification, *, load=None, arrays=None, **split):
        np.savez(tmp_path / "a.npz", **(arrays or {"x": X, "y": Y}))
        target = {} if task is Task.none else {"target": "y"}
        path = {"_target_": "litemill.data.loaders.npz", "path": str(tmp_path / "a.npz")}
        prepare_splits(
            Prepare(path | target | (load or {}), task, Split(**split)), tmp_path / "out"
        )
        return tmp_path / "out"

    return call


def told(call, *arguments, kind=DataError, **options) -> str:
    """Return the one line of the error."""
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows(out: Path) -> dict[str, set[bytes]]:
    """Return the bytes of every sample in each split."""
    return {name: {row.tobytes() for row in read_split(out / name).inputs["x"]} for name in SPLITS}


def test_prepare_writes_disjoint_splits_that_cover_everything(make):
    """Every sample is in exactly one split."""
    found = rows(make())
    assert [42, 6, 12] == [len(found[name]) for name in SPLITS]
    assert {row.tobytes() for row in X} == set().union(*found.values())


def test_prepare_keeps_inputs_and_targets_together(make):
    """A sample's label moves with it."""
    labels = {row.tobytes(): label for row, label in zip(X, Y, strict=True)}
    samples = read_split(make() / "train")
    found = zip(samples.inputs["x"], samples.targets["target"], strict=True)
    assert all(labels[row.tobytes()] == label for row, label in found)


def test_prepare_writes_the_same_bytes_again_and_others_with_another_seed(make):
    """The seed, and nothing else, decides."""
    first = tree_sha256(make())
    assert first == tree_sha256(make())
    assert first != tree_sha256(make(seed=1))


def test_prepare_gives_these_digests_on_every_machine(tmp_path):
    """The splits of the digits, as they were on the machine that wrote this test."""
    options = Prepare({"_target_": "data.digits.load"}, Task.classification, Split())
    found = prepare_splits(options, tmp_path / "out")
    assert {
        "train": "b6fa120b3724fe3182bdb47c565a923ecb8366461099fe08832cb44cee16a85b",
        "calibration": "7f4347d6e6ab9c31ac199e59d3084c80984d764aef73a4a762e26535b00cba66",
        "evaluation": "79b260bace3192bcb09246294a3b0e39e5630c256ecd07ed940828b51e4884d3",
    } == {name: found["splits"][name]["sha256"] for name in SPLITS}


def test_prepare_keeps_the_proportions_of_classes(make):
    """Stratified: each split has each class as often as its share says, within one."""
    uneven = np.array([0] * 40 + [1] * 10 + [2] * 10)
    out = make(arrays={"x": X, "y": uneven})
    counts = {name: np.bincount(read_split(out / name).targets["target"]) for name in SPLITS}
    for name, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert (np.abs(counts[name] - share * np.array([40, 10, 10])) <= 1).all()


def test_prepare_takes_numbers_for_shares_and_leaves_the_rest(make):
    """A share of 1 or more is a number of samples."""
    found = rows(make(train=30, calibration=5, evaluation=0.1))
    assert [30, 5, 6] == [len(found[name]) for name in SPLITS]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"calibration": 0}, "data.split.calibration: no samples out of 60"),
        ({"calibration": 0.001}, "data.split.calibration: no samples out of 60"),
        ({"evaluation": 0}, "data.split.evaluation: no samples out of 60"),
        ({"train": 0.8}, "0.8 + 0.1 + 0.2 is more than all; there are 60"),
        ({"train": 60}, "60 + 0.1 + 0.2 is more than all; there are 60"),
        ({"train": -0.5}, "data.split.train: -0.5"),
        ({"train": 20.5}, "data.split.train: 20.5"),
        ({"train": float("nan")}, "data.split.train: nan"),
        ({"seed": -1}, "data.split.seed: -1"),
    ],
)
def test_prepare_refuses_shares_that_cannot_be(make, split, expected):
    """Empty splits, more than everything, half a sample."""
    assert expected in told(make, **split)


def test_prepare_refuses_the_same_sample_in_two_splits(make):
    """Both are named by their row in the file and by the split they would be in."""
    twice = X.copy()
    twice[17] = twice[3]
    names = np.array(["train"] * 10 + ["calibration"] * 5 + ["evaluation"] * 45)
    arrays = {"x": twice, "y": Y, "s": names}
    line = told(make, arrays=arrays, load={"split": "s"})
    assert "sample 3 in train and sample 17 in evaluation have identical inputs" in line


def test_prepare_refuses_the_same_sample_twice_or_keeps_the_first(make):
    """Wherever the two would be; other labels do not make them different samples."""
    twice = X.copy()
    twice[[17, 20]] = twice[3]
    arrays = {"x": twice, "y": Y}
    assert "and 1 more such pair" in told(make, arrays=arrays)
    out = make(arrays=arrays, duplicates=Duplicates.drop)
    assert 58 == sum(len(read_split(out / name)) for name in SPLITS)
    kept = twice[3].tobytes()
    samples = [read_split(out / name) for name in SPLITS]
    found = [
        label
        for split in samples
        for row, label in zip(split.inputs["x"], split.targets["target"], strict=True)
        if row.tobytes() == kept
    ]
    assert [Y[3]] == found


def test_prepare_tells_samples_apart_by_all_their_inputs(make):
    """Two samples that share one of two inputs are different."""
    arrays = {"x": np.zeros((60, 1)), "z": np.arange(60.0), "y": Y}
    assert 42 == len(read_split(make(arrays=arrays) / "train"))


def test_prepare_follows_predeclared_splits(make):
    """The shares do not count then."""
    names = np.array(["train"] * 10 + ["calibration"] * 5 + ["evaluation"] * 45)
    found = rows(make(arrays={"x": X, "y": Y, "s": names}, load={"split": "s"}))
    assert {row.tobytes() for row in X[10:15]} == found["calibration"]
    assert {row.tobytes() for row in X[15:]} == found["evaluation"]


def test_prepare_refuses_unknown_or_empty_predeclared_splits(make):
    """With the nearest name."""
    names = np.array(["train"] * 30 + ["evaluate"] * 30)
    line = told(make, arrays={"x": X, "y": Y, "s": names}, load={"split": "s"})
    assert "no split 'evaluate'; did you mean 'evaluation'?" in line
    names = np.array(["train"] * 30 + ["evaluation"] * 30)
    line = told(make, arrays={"x": X, "y": Y, "s": names}, load={"split": "s"})
    assert "data.split.calibration: no samples" in line


def test_prepare_prepares_data_without_targets(make):
    """Task none: inputs alone."""
    samples = read_split(make(Task.none, arrays={"x": X}) / "evaluation")
    assert {} == samples.targets
    assert samples.classes is None


def test_prepare_gives_regression_targets_an_axis(make):
    """One number a sample is what a model with one output answers: [n, 1], float32."""
    samples = read_split(make(Task.regression, arrays={"x": X, "y": Y / 3}) / "train")
    assert (42, 1) == samples.targets["target"].shape
    assert np.float32 == samples.targets["target"].dtype


def test_prepare_stores_floats_as_float32_and_keeps_integers(make):
    """Whatever their precision and byte order were."""
    arrays = {"x": X.astype(">f8"), "z": np.arange(60, dtype=">i2"), "y": Y}
    samples = read_split(make(arrays=arrays) / "train")
    assert "float32" == samples.inputs["x"].dtype.name
    assert np.dtype(np.int16) == samples.inputs["z"].dtype


def with_value(array, index, value):
    """Copy an array with one value changed."""
    changed = array.astype(np.float64) if isinstance(value, float) else array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": X, "y": Y[:-1]}, "inputs.x has 60 samples, targets.target has 59"),
        ({"x": X[:0], "y": Y[:0]}, "x: empty"),
        ({"x": with_value(X, (17, 3), np.nan), "y": Y}, "inputs.x: NaN in sample 17, position [3]"),
        ({"x": with_value(X, (17, 3), 1e39), "y": Y}, "infinite in float32 in sample 17"),
        ({"x": X.astype(str), "y": Y}, "inputs.x: values of type"),
        ({"x": X, "y": with_value(Y, 9, -1)}, "targets.target: label -1 in sample 9"),
        ({"x": X, "y": with_value(Y, 9, 1.5)}, "label 1.5 in sample 9; expected an integer"),
        ({"x": X, "y": with_value(Y, 9, np.nan)}, "label nan in sample 9; expected an integer"),
        ({"x": X, "y": with_value(Y, 9, 5)}, "labels go up to 5, but no sample has class 3"),
        ({"x": X, "y": Y + 1}, "no sample has class 0; labels count from 0"),
        ({"x": X, "y": np.eye(3)[Y]}, "expected one integer class for every sample"),
    ],
)
def test_prepare_refuses_values_that_cannot_be_used(make, arrays, expected):
    """The line names the array and the sample."""
    assert expected in told(make, arrays=arrays)


def test_prepare_refuses_labels_out_of_the_range_of_the_classes(make):
    """When the classes are told."""
    line = told(make, load={"classes": ["a", "b"]})
    assert "label 2 in sample 2; expected 0 to 1" in line


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ({"path": "x"}, "data.load._target_: missing"),
        ({"_target_": "data.digts.load"}, "did you mean 'digits'?"),
        ({"_target_": "data.digits.lod"}, "did you mean 'load'?"),
        ({"_target_": "nowhere.load"}, "No module named 'nowhere'"),
        ({"_target_": "data.digits.LEVELS"}, "expected a function"),
        ({"_target_": "data.digits.load", "fold": 1}, "no argument 'fold'"),
        ({"_target_": "litemill.data.loaders.npz", "pth": "x"}, "'pth'; did you mean 'path'?"),
        ({"_target_": "litemill.data.loaders.npz"}, "missing a required argument: 'path'"),
        (
            {"_target_": "builtins.dict"},
            "returned a dict; expected a litemill.data.dataset.Dataset",
        ),
    ],
)
def test_prepare_refuses_a_target_that_gives_no_data_set(tmp_path, load, expected):
    """In one line, with the nearest name."""
    options = Prepare(load, Task.classification, Split())
    assert expected in told(
        prepare_splits, options, tmp_path / "out", kind=(ConfigError, DataError)
    )


def test_prepare_leaves_everything_as_it_was_when_it_fails(make, tmp_path):
    """Neither the last splits nor the folder beside them change."""
    before = tree_sha256(make())
    names = sorted(path.name for path in tmp_path.iterdir())
    told(make, arrays={"x": with_value(X, (1, 1), np.nan), "y": Y}, kind=LitemillError)
    assert before == tree_sha256(tmp_path / "out")
    assert names == sorted(path.name for path in tmp_path.iterdir())


def test_prepare_leaves_no_scratch_space(make):
    """What stays is what a later stage reads."""
    assert [*sorted(SPLITS), "data.json"] == sorted(
        (p.name for p in make().iterdir()), key=lambda name: (name == "data.json", name)
    )
