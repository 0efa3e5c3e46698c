from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litemill.core.errors import DataError
from litemill.core.files import read_json, write_json
from litemill.data.dataset import Column
from litemill.data.samples import HELD, LARGE, read_split, write_split


def column(values) -> Column:
    """Wrap an array as it is."""
    return Column(values, values.dtype, values.shape[1:])


X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10) % 2
ORDER = np.array([7, 2, 5, 1])


@pytest.fixture
def split(tmp_path):
    """Write a split of four samples."""
    inputs, targets = {"x": column(X)}, {"target": column(Y)}
    write_split(tmp_path, inputs, targets, ORDER, classes=["no", "yes"], task="classification")
    return tmp_path


def test_read_split_gives_what_was_written_in_the_order_asked(split):
    """Samples come back in the order of the indices, with classes and task."""
    samples = read_split(split)
    assert X[ORDER].tolist() == samples.inputs["x"].tolist()
    assert Y[ORDER].tolist() == samples.targets["target"].tolist()
    assert ("no", "yes") == samples.classes
    assert "classification" == samples.task
    assert 4 == len(samples)


def test_read_split_maps_files_read_only(split):
    """Nothing is loaded, nothing can be overwritten."""
    array = read_split(split).inputs["x"]
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


def test_batches_cover_every_sample_once_in_order(split):
    """The last batch is smaller when the size does not divide the number."""
    batches = list(read_split(split).batches(3))
    assert [3, 1] == [len(batch) for batch in batches]
    assert X[ORDER].tolist() == np.concatenate([b.inputs["x"] for b in batches]).tolist()


def test_take_copies_samples_in_any_order(split):
    """Taken samples are ordinary arrays, also of targets."""
    taken = read_split(split).take([2, 0])
    assert X[[5, 7]].tolist() == taken.inputs["x"].tolist()
    assert [1, 1] == taken.targets["target"].tolist()
    assert not isinstance(taken.inputs["x"].base, np.memmap)


def test_digest_depends_on_content_and_names_but_not_on_the_folder(tmp_path):
    """The same samples have the same digest wherever they lie; other names another."""

    def digest(folder: str, name: str, values) -> str:
        inputs = {name: column(values)}
        return write_split(tmp_path / folder, inputs, {}, ORDER, classes=None, task="none")

    assert digest("a", "x", X) == digest("b", "x", X.copy(order="F"))
    assert digest("a", "x", X) != digest("b", "y", X)
    assert digest("a", "x", X) != digest("b", "x", X + 1)
    assert digest("a", "x", X) != digest("b", "x", X.view(np.int32))


def test_names_never_become_names_of_files(tmp_path):
    """Whatever they are: each array comes back under its name, and nothing is written elsewhere."""
    names = ["a/b", "../x", "/abs/x", "..", "", "Y", "y", "n\0l", "é", "z" * 10_000, "a:b"]
    inputs = {name: column(X + i) for i, name in enumerate(names)}
    targets = {name: column(Y) for name in names}
    write_split(tmp_path / "split", inputs, targets, ORDER, classes=["../no", "/yes"], task="none")
    samples = read_split(tmp_path / "split")

    assert set(names) == set(samples.inputs) == set(samples.targets)
    for i, name in enumerate(names):
        assert (X + i)[ORDER].tolist() == samples.inputs[name].tolist()
    folder = tmp_path / "split" / "inputs"
    assert {f"{i}.npy" for i in range(len(names))} == {path.name for path in folder.iterdir()}
    assert [tmp_path / "split"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda split: (split / "inputs/0.npy").unlink(),
        lambda split: (split / "split.json").unlink(),
        lambda split: (split / "split.json").write_text("{}"),
        lambda split: (split / "split.json").write_text("[]"),
        lambda split: (split / "inputs/0.npy").write_bytes(b""),
        lambda split: (split / "inputs/0.npy").write_bytes(
            (split / "inputs/0.npy").read_bytes()[:-4]
        ),
        lambda split: np.save(split / "inputs/0.npy", X[:3]),
        lambda split: np.save(split / "inputs/0.npy", np.array([{}]), allow_pickle=True),
        lambda split: write_json(
            split / "split.json", read_json(split / "split.json") | {"samples": 9}
        ),
    ],
)
def test_read_split_refuses_damaged_splits_in_one_line(split, damage):
    """Missing, truncated, pickled or contradicting files are told, never read."""
    damage(split)
    with pytest.raises(DataError) as caught:
        read_split(split)
    assert str(split) in str(caught.value)
    assert "\n" not in str(caught.value)


def resident(file):
    """Return the bytes of a mapped file that count as this process's memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    rows = [n for n, line in enumerate(lines) if line.endswith(str(file))]
    told = (line.split() for n in rows for line in lines[n : n + 20])
    return 1024 * max(int(words[1]) for words in told if words[0] == "Rss:")


def test_reading_a_large_split_holds_a_part_of_it(tmp_path):
    """However large: pages that were read are handed back."""
    size = LARGE + HELD
    zeros = np.broadcast_to(np.uint8(0), (size // 4096, 4096))
    write_split(
        tmp_path, {"x": column(zeros)}, {}, np.arange(len(zeros)), classes=None, task="none"
    )
    samples = read_split(tmp_path)

    most = 0
    for number, batch in enumerate(samples.batches(256)):
        assert not batch.inputs["x"].any()
        most = max(most, resident(tmp_path / "inputs/0.npy")) if number % 8 == 0 else most

    assert 0 < most <= 2 * HELD
    assert samples.take([1, 2]).inputs["x"].shape == (2, 4096)
