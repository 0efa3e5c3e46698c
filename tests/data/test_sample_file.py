from __future__ import annotations

import numpy as np
import pytest

from litemill.core.errors import DataError, LitemillError, ModelError
from litemill.data.sample_file import read_samples

ONE = {"image": {"dtype": "float32", "shape": [None, 2, 2]}}
TWO = {name: {"dtype": "float32", "shape": [None, 3]} for name in ("left", "right")}


def test_read_samples_takes_arrays_by_name(tmp_path):
    """And leaves others alone."""
    np.savez(tmp_path / "s.npz", right=np.ones((4, 3)), left=np.zeros((4, 3)), labels=np.ones(4))

    found = read_samples(tmp_path / "s.npz", TWO)

    assert (["left", "right"], 4) == (list(found.inputs), len(found))
    assert "float32" == found.take([0]).inputs["left"].dtype


def test_read_samples_takes_one_array_whatever_its_name(tmp_path):
    """Of a .npy file, of a .npz file, and the only one that fits."""
    images = np.ones((5, 2, 2), np.float32)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", x=images)
    np.savez(tmp_path / "c.npz", specs=images, labels=np.ones(5))

    for name in ("a.npy", "b.npz", "c.npz"):
        assert ["image"] == list(read_samples(tmp_path / name, ONE).inputs)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"image": np.ones((5, 2, 3), np.float32)}, "has shape \\[2, 3\\] a sample"),
        ({"image": np.ones((2, 2), np.float32)}, "has shape \\[2\\] a sample"),
        ({"a": np.ones(3), "b": np.ones(4)}, "the model takes image"),
        ({"image": np.ones((0, 2, 2))}, "0 samples; expected as many"),
        ({"image": np.full((1, 2, 2), np.nan)}, "NaN or infinity in 'image'"),
        ({}, "holds no samples"),
        ({"image": np.array(1.0)}, "holds no samples"),
    ],
)
def test_read_samples_refuses_what_does_not_fit(tmp_path, arrays, told):
    """In one line."""
    np.savez(tmp_path / "s.npz", **arrays)

    with pytest.raises((DataError, ModelError), match=told):
        read_samples(tmp_path / "s.npz", ONE)


@pytest.mark.parametrize("content", [None, b"", b"hello", b"PK\3\4" + bytes(40), b"\x93NUMPY"])
def test_read_samples_refuses_other_files(tmp_path, content):
    """Missing, empty, text, and damaged ones."""
    if content is not None:
        (tmp_path / "s.npz").write_bytes(content)

    with pytest.raises(LitemillError, match=r"expected .*a \.npz or \.npy file"):
        read_samples(tmp_path / "s.npz", ONE)


def test_read_samples_loads_no_pickles(tmp_path):
    """They are code."""
    np.save(tmp_path / "s.npy", np.array([{}], object), allow_pickle=True)

    with pytest.raises(DataError, match="not readable"):
        read_samples(tmp_path / "s.npy", ONE)
