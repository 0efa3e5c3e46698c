from __future__ import annotations

import json

import numpy as np
import pytest

from litemill.config.schema.prepare import Prepare, Split, Task
from litemill.core.errors import DataError
from litemill.data.dataset import Dataset
from litemill.data.prepare import prepare_splits
from litemill.data.samples import read_split
from litemill.data.slices import slice_groups

X = np.arange(60, dtype=np.float32)[:, None]
SITES = np.where(np.arange(60) % 3 == 0, "south", "north")


@pytest.fixture
def make(tmp_path):
    """Return a function that prepares arrays and answers the folder."""

    def call(slices=None, **split):
        path = tmp_path / "a.npz"
        np.savez(path, x=X, y=np.arange(60) % 2, site=SITES, year=2000 + np.arange(60) // 30)
        load = {"_target_": "litemill.data.loaders.npz", "path": str(path), "target": "y"}
        load |= {"inputs": {"x": "x"}, "slices": slices or {}}
        prepare_splits(Prepare(load, Task.classification, Split(**split)), tmp_path / "out")
        return tmp_path / "out"

    return call


def test_prepare_keeps_the_slices_of_each_sample(make):
    """Texts and integers; a part moves with its sample."""
    split = read_split(make({"site": "site", "year": "year"}) / "evaluation")
    site, year = split.slices["site"], split.slices["year"]
    numbers = split.inputs["x"][:, 0].astype(int)

    assert (("north", "south"), ("2000", "2001")) == (site.values, year.values)
    assert SITES[numbers].tolist() == [site.values[code] for code in site.codes]
    assert (numbers // 30).tolist() == year.codes.tolist()
    assert next(split.batches(5)).slices["site"].codes.tolist() == site.codes[:5].tolist()


def test_a_split_without_slices_says_nothing_of_them(make):
    """The same bytes as before there were any."""
    assert "slices" not in json.loads((make() / "evaluation" / "split.json").read_text())
    assert {} == read_split(make() / "evaluation").slices


@pytest.mark.parametrize(
    ("slices", "told"),
    [
        ({"site": np.zeros(3, int)}, r"d: slices\.site: shape \(3,\), .*; expected 4 texts"),
        ({"site": np.zeros(4)}, "type float64; expected 4 texts or integers"),
        ({"a/b": np.zeros(4, int)}, "the name 'a/b'; expected letters"),
    ],
)
def test_slices_that_divide_nothing_are_refused(slices, told):
    """One line that names them."""
    with pytest.raises(DataError, match=told):
        slice_groups(Dataset({"x": X[:4]}, slices=slices, place="d"), 4)


def test_a_number_of_its_own_for_each_sample_is_no_slice():
    """As an identifier would be."""
    with pytest.raises(DataError, match="2000 different values; expected at most 1000"):
        slice_groups(Dataset({}, slices={"id": np.arange(2000)}, place="d"), 2000)


def test_splits_keep_the_order_of_the_data_where_that_is_asked(make):
    """The first samples train, the last ones evaluate: steps of a sequence stay in a row."""
    out = make(shuffle=False)
    numbers = [
        read_split(out / name).inputs["x"][:, 0] for name in ("train", "calibration", "evaluation")
    ]

    assert [42, 6, 12] == [len(one) for one in numbers]
    assert np.array_equal(np.concatenate(numbers), X[:, 0])
