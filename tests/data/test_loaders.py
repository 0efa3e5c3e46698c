from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from litemill.core.errors import DataError
from litemill.data import loaders

if TYPE_CHECKING:
    from pathlib import Path

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 3


def npz(folder: Path, task: str = "classification", arrays=None, **options):
    """Write arrays and load them."""
    np.savez_compressed(folder / "a.npz", **(arrays or {"x": X, "y": Y}))
    options = {"target": "y"} | options
    return loaders.npz(str(folder / "a.npz"), scratch=folder, task=task, **options)


def table(folder: Path, text: str, task: str = "classification", **options):
    """Write a CSV file and load it."""
    (folder / "a.csv").write_bytes(text.encode())
    return loaders.csv(str(folder / "a.csv"), scratch=folder, task=task, **options)


def draw(file: Path, seed: int = 0, size: tuple[int, int] = (6, 5), mode: str = "RGB") -> None:
    """Write an image of noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(file)


def folder_of(root: Path, task: str = "classification", **options):
    """Load a folder of images."""
    scratch = root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return loaders.image_folder(str(root), scratch=scratch, task=task, **options)


def told(call, *arguments, **options) -> str:
    """Return the one line of the error."""
    with pytest.raises(DataError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_npz_gives_arrays_by_name(tmp_path):
    """Every key that is no target is an input of that name."""
    found = npz(tmp_path, arrays={"x": X, "z": Y * 2, "y": Y})
    assert ["x", "z"] == sorted(found.inputs)
    assert X.tolist() == found.inputs["x"][:].tolist()
    assert Y.tolist() == found.targets["target"][:].tolist()


def test_npz_maps_input_names_to_keys(tmp_path):
    """Inputs are called as the model calls them; targets too."""
    found = npz(tmp_path, inputs={"image": "x"}, target={"kind": "y"})
    assert ["image"] == list(found.inputs)
    assert ["kind"] == list(found.targets)


def test_npz_reads_fortran_order_and_rows_by_index(tmp_path):
    """The order in the file does not matter."""
    found = npz(tmp_path, arrays={"x": np.asfortranarray(X), "y": Y})
    assert X[[5, 1]].tolist() == found.inputs["x"][np.array([5, 1])].tolist()


def test_npz_turns_text_labels_into_classes_sorted_by_name(tmp_path):
    """The first label in the file is not the first class."""
    names = np.array(["dog", "ant", "cat"])
    found = npz(tmp_path, arrays={"x": X, "y": names[Y]})
    assert ["ant", "cat", "dog"] == found.classes
    assert [2, 0, 1] == found.targets["target"][:3].tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"target": "yy"}, "no array 'yy'; did you mean 'y'?"),
        ({"inputs": {"image": "xx"}}, "no array 'xx'; did you mean 'x'?"),
        ({"split": "s"}, "no array 's'"),
    ],
)
def test_npz_names_the_nearest_key(tmp_path, options, expected):
    """An unknown key is told with what is there."""
    assert expected in told(npz, tmp_path, **options)


def test_npz_refuses_pickled_objects(tmp_path):
    """Ragged lists become pickles, and pickles run code."""
    ragged = np.array([[1], [1, 2]], dtype=object)
    assert "x: pickled objects" in told(npz, tmp_path, arrays={"x": ragged, "y": Y})


@pytest.mark.parametrize("keep", [0, 40, 200, 400])
def test_npz_refuses_truncated_files(tmp_path, keep):
    """Wherever the file ends."""
    npz(tmp_path)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[:keep])
    assert "t.npz" in told(
        loaders.npz, str(tmp_path / "t.npz"), scratch=tmp_path, task="none", inputs={"x": "x"}
    )


def test_npz_refuses_flipped_bits_and_short_arrays(tmp_path):
    """Checksums and headers are held against the values."""
    np.savez(tmp_path / "b.npz", x=X)
    whole = bytearray((tmp_path / "b.npz").read_bytes())
    whole[200] ^= 1
    (tmp_path / "c.npz").write_bytes(whole)
    call = {"scratch": tmp_path, "task": "none"}
    assert "truncated or damaged" in told(loaders.npz, str(tmp_path / "c.npz"), **call)
    with (
        zipfile.ZipFile(tmp_path / "b.npz") as source,
        zipfile.ZipFile(tmp_path / "d.npz", "w") as to,
    ):
        to.writestr("x.npy", source.read("x.npy")[:-8])
    assert "136 bytes of values; its header says 144" in told(
        loaders.npz, str(tmp_path / "d.npz"), **call
    )


def test_npz_refuses_missing_files_and_other_formats(tmp_path):
    """A missing file is told as missing, a .npy as no .npz."""
    np.save(tmp_path / "x.npy", X)
    call = {"scratch": tmp_path, "task": "none"}
    assert "no such file" in told(loaders.npz, str(tmp_path / "no.npz"), **call)
    assert "no .npz file" in told(loaders.npz, str(tmp_path / "x.npy"), **call)


def test_csv_gives_features_and_classes_sorted_by_name(tmp_path):
    """All columns but the target are features, in the order of the file."""
    found = table(tmp_path, "b,kind,a\n1,dog,2\n3,ant,4\n", target="kind")
    assert [[1.0, 2.0], [3.0, 4.0]] == found.inputs["features"][:].tolist()
    assert np.float32 == found.inputs["features"].dtype
    assert ["ant", "dog"] == found.classes
    assert [1, 0] == found.targets.tolist()


def test_csv_takes_integer_labels_as_they_are(tmp_path):
    """Class 2 is class 2, not the third by name."""
    found = table(tmp_path, "a,k\n1,2\n3,0\n5,1\n", target="k")
    assert [2, 0, 1] == found.targets.tolist()
    assert found.classes is None


def test_csv_gives_several_inputs_and_targets(tmp_path):
    """Regression targets are the columns of one array."""
    text = "a,b,c,d\n1,2,3,4\n5,6,7,8\n"
    features = {"u": ["b"], "v": ["b", "a"]}
    found = table(tmp_path, text, "regression", features=features, target=["d", "c"])
    assert [[2.0], [6.0]] == found.inputs["u"][:].tolist()
    assert [[2.0, 1.0], [6.0, 5.0]] == found.inputs["v"][:].tolist()
    assert [[4.0, 3.0], [8.0, 7.0]] == found.targets[:].tolist()


def test_csv_reads_quotes_byte_order_marks_windows_line_ends_and_blank_lines(tmp_path):
    """What spreadsheets write."""
    found = table(tmp_path, '\ufeffa,k\r\n1,"x, y"\r\n\r\n2,z\r\n', target="k")
    assert ["x, y", "z"] == found.classes
    assert "line 4" == found.detail(1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("a,k\n", "no rows below the header"),
        ("a,k\n1,x\n2\n", "line 3: 1 cells; the header has 2"),
        ("a,k\n1,x\n2,x,3\n", "line 3: 3 cells; the header has 2"),
        ("a,k\n1,x\nold,x\n", "line 3, column 'a': 'old'; expected a number"),
        ("a,k\n1,x\n,x\n", "line 3, column 'a': ''; expected a number"),
        ("a,k\n1,x\nnan,x\n", "line 3, column 'a': 'nan'"),
        ("a,k\n1,x\n1e39,x\n", "line 3, column 'a': '1e39'"),
        ("a,k\n1,x\n2,\n", "line 3, column 'k': empty"),
        ('a,k\n1,"x\n', "unexpected end of data"),
        ("a,a,k\n1,2,x\n", "column 'a' twice"),
        (",k\n1,x\n", "column 1 has no name"),
        ("a,kk\n1,x\n", "no column 'k'; did you mean 'kk'?"),
    ],
)
def test_csv_refuses_what_is_no_table_of_numbers(tmp_path, text, expected):
    """The line names the line and the column."""
    assert expected in told(table, tmp_path, text, target="k")


def test_csv_refuses_labels_that_are_no_class(tmp_path):
    """With the nearest class."""
    text = "a,k\n1,cat\n2,dgo\n"
    found = told(table, tmp_path, text, target="k", classes=["cat", "dog"])
    assert "label 'dgo' is not among the classes; did you mean 'dog'?" in found


def test_csv_refuses_text_that_is_not_utf8(tmp_path):
    """A spreadsheet in another encoding is not guessed."""
    (tmp_path / "a.csv").write_bytes(b"a,k\n1,\xe9\n")
    call = {"scratch": tmp_path, "task": "classification", "target": "k"}
    assert "no UTF-8 text" in told(loaders.csv, str(tmp_path / "a.csv"), **call)


def test_image_folder_gives_pixels_and_classes(tmp_path):
    """Float32 from 0 to 1, classes in the order of their names."""
    draw(tmp_path / "im/b/0.png", 1)
    draw(tmp_path / "im/a/0.png", 2)
    found = folder_of(tmp_path / "im")
    pixels = np.asarray(Image.open(tmp_path / "im/a/0.png"), np.float32) / 255
    assert (2, 6, 5, 3) == found.inputs["image"].shape
    assert pixels.tolist() == found.inputs["image"][0:1][0].tolist()
    assert ["a", "b"] == found.classes
    assert [0, 1] == found.targets.tolist()
    assert "a/0.png" == found.detail(0)


def test_image_folder_converts_modes_and_resizes(tmp_path):
    """Palette, grey and transparent images become what the model takes."""
    for i, mode in enumerate(("L", "P", "RGBA", "1")):
        draw(tmp_path / f"im/a/{i}.png", i, (4 + i, 5), mode)
    assert (4, 8, 7, 1) == folder_of(tmp_path / "im", size=[8, 7], channels=1).inputs["image"].shape
    assert (4, 8, 7, 4) == folder_of(tmp_path / "im", size=[8, 7], channels=4).inputs["image"].shape


def test_image_folder_takes_predeclared_splits(tmp_path):
    """Folders of splits lie above the classes."""
    for i, split in enumerate(("train", "calibration", "evaluation")):
        draw(tmp_path / f"im/{split}/a/0.png", i)
    found = folder_of(tmp_path / "im")
    assert ["train", "calibration", "evaluation"] == found.split.tolist()
    assert ["a"] == found.classes


def test_image_folder_needs_no_classes_without_a_task(tmp_path):
    """Unlabelled images lie in the folder itself."""
    draw(tmp_path / "im/0.png")
    found = folder_of(tmp_path / "im", "none")
    assert (1, 6, 5, 3) == found.inputs["image"].shape
    assert found.targets is None


def test_image_folder_refuses_what_is_no_folder_of_images(tmp_path):
    """Each with the path of the file or folder."""
    im = tmp_path / "im"
    assert "no such folder" in told(folder_of, im)
    im.mkdir()
    assert "no class folders" in told(folder_of, im)
    draw(im / "a/0.png")
    (im / "b").mkdir()
    assert "b: no images" in told(folder_of, im)
    (im / "b/1.png").write_bytes((im / "a/0.png").read_bytes()[:60])
    assert "1.png: not readable as an image" in told(folder_of, im)
    draw(im / "b/1.png", size=(3, 3))
    assert "1.png: 3x3 pixels" in told(folder_of, im)
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(im / "b/1.png")
    assert "more than 8 bits a channel" in told(folder_of, im)
    (im / "b/1.png").rename(im / "b/1.txt")
    assert "1.txt: no image by its name" in told(folder_of, im)


def test_image_folder_refuses_some_of_the_three_splits(tmp_path):
    """`train` and `evaluation` are no classes."""
    draw(tmp_path / "im/train/a/0.png")
    draw(tmp_path / "im/evaluation/a/1.png")
    expected = "folders evaluation, train; expected train, calibration, evaluation"
    assert expected in told(folder_of, tmp_path / "im")


def test_image_folder_scales_as_keras_applications_do(tmp_path):
    """Each preset gives the very values of `preprocess_input` of its mode."""
    from keras.src.applications.imagenet_utils import preprocess_input

    draw(tmp_path / "im/a/0.png")
    pixels = np.asarray(Image.open(tmp_path / "im/a/0.png"), np.float32)
    for mode in ("tf", "caffe", "torch"):
        loaded = folder_of(tmp_path / "im", preset=mode)
        expected = preprocess_input(pixels.copy(), data_format="channels_last", mode=mode)
        np.testing.assert_allclose(loaded.inputs["image"][0:1][0], expected, atol=1e-5)
        assert mode == loaded.preprocessing["image"]["preset"]
    assert (
        pixels.tolist() == folder_of(tmp_path / "im", preset="raw").inputs["image"][0:1][0].tolist()
    )


def test_image_folder_takes_numbers_instead_of_a_preset(tmp_path):
    """A fraction is taken as it is written; the record says what was done."""
    draw(tmp_path / "im/a/0.png")
    pixels = np.asarray(Image.open(tmp_path / "im/a/0.png"), np.float64)
    options = {"scale": "1/255", "mean": [0.1, 0.2, 0.3], "std": 0.5}
    loaded = folder_of(tmp_path / "im", **options)
    expected = (pixels / 255 - [0.1, 0.2, 0.3]) / 0.5
    np.testing.assert_allclose(loaded.inputs["image"][0:1][0], expected, atol=1e-6)
    record = loaded.preprocessing["image"]
    assert (None, "1/255", [0.1, 0.2, 0.3], [0.5]) == tuple(
        record[key] for key in ("preset", "scale", "mean", "std")
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"preset": "tff"}, "data.load.preset: 'tff'; did you mean 'tf'?"),
        ({"preset": "tf", "mean": 3}, "data.load.mean: 3; the preset 'tf' sets it"),
        ({"scale": "1/0"}, "data.load.scale: '1/0'; expected a number or a fraction"),
        ({"std": [1, 0, 1]}, "data.load.std: [1, 0, 1]; expected numbers above 0"),
        ({"mean": [1, 2]}, "data.load.mean: 2 numbers; expected 1 or 3"),
        ({"preset": "caffe", "channels": 1}, "data.load.mean: 3 numbers; expected 1 or 1"),
        ({"resize": "cubic"}, "data.load.resize: 'cubic'; did you mean 'bicubic'?"),
    ],
)
def test_image_folder_refuses_preprocessing_that_is_none(tmp_path, options, expected):
    """The line names the option."""
    draw(tmp_path / "im/a/0.png")
    assert expected in told(folder_of, tmp_path / "im", **options)


def test_image_folder_says_and_applies_exif_orientation(tmp_path):
    """Ignored by default, as Keras does, and said so."""
    (tmp_path / "im/a").mkdir(parents=True)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image.save(tmp_path / "im/a/0.png", exif=exif)
    ignored = folder_of(tmp_path / "im", preset="raw")
    assert np.array_equal(np.asarray(image, np.float32), ignored.inputs["image"][0:1][0])
    turned = folder_of(tmp_path / "im", preset="raw", exif_orientation=True)
    assert np.array_equal(np.rot90(image, -1).astype(np.float32), turned.inputs["image"][0:1][0])
    assert [
        "1 image has an EXIF orientation, ignored, as Keras does (data.load.exif_orientation)"
    ] == (ignored.notes)
    assert "applied" == turned.preprocessing["image"]["exif_orientation"]


def test_image_folder_numbers_classes_as_declared(tmp_path):
    """By a list or a labels file; folders that are no class are refused, classes may be absent."""
    draw(tmp_path / "im/ant/0.png", 1)
    draw(tmp_path / "im/bee/0.png", 2)
    (tmp_path / "labels.txt").write_text("bee\ncow\nant\n")
    for classes in (["bee", "cow", "ant"], str(tmp_path / "labels.txt")):
        loaded = folder_of(tmp_path / "im", classes=classes)
        assert ["bee", "cow", "ant"] == loaded.classes
        assert ["bee/0.png", "ant/0.png"] == [loaded.detail(i) for i in range(2)]
        assert [0, 2] == loaded.targets.tolist()
    refused = told(folder_of, tmp_path / "im", classes=["bees", "ant"])
    assert "folder 'bee' is not among the classes; did you mean 'bees'?" in refused
    assert "no such file" in told(folder_of, tmp_path / "im", classes="none.txt").lower()
    (tmp_path / "labels.txt").write_text("bee\n\nant\n")
    assert "labels.txt: line 2: empty" in told(
        folder_of, tmp_path / "im", classes=str(tmp_path / "labels.txt")
    )


def test_npz_and_csv_preprocess_inputs_by_name(tmp_path):
    """In float32, and recorded; an input that is not named stays as it is."""
    options = {"preprocess": {"x": {"mean": [1, 2, 3], "std": 2}}}
    loaded = npz(tmp_path, arrays={"x": X, "z": X, "y": Y}, **options)
    expected = (X - np.float32([1, 2, 3])) / np.float32(2)
    assert expected.tolist() == loaded.inputs["x"][:].tolist()
    assert X.tolist() == loaded.inputs["z"][:].tolist()
    assert ["x"] == list(loaded.preprocessing)
    (tmp_path / "csv").mkdir()
    loaded = table(
        tmp_path / "csv",
        "a,k\n10,x\n30,z\n",
        target="k",
        preprocess={"features": {"scale": "1/10"}},
    )
    assert [[1.0], [3.0]] == loaded.inputs["features"][:].tolist()
    wrong = {"preprocess": {"xx": {}}}
    assert "data.load.preprocess.xx: no such input; did you mean 'x'?" in told(
        npz, tmp_path, **wrong
    )
    wrong = {"preprocess": {"x": {"sale": 1}}}
    assert "data.load.preprocess.x.sale: no such option" in told(npz, tmp_path, **wrong)
