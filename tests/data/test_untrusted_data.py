"""Data files from anyone: each is read or refused, in one line that names it, within seconds."""

from __future__ import annotations

import os
import struct
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from litemill.core.errors import DataError, nearest
from litemill.data import loaders
from litemill.data.sample_file import read_samples

SPEC = {"x": {"dtype": "float32", "shape": [None, 2]}}
HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s, 2), }"


def npy(header, values=bytes(16)):
    """Return the bytes of an array with a header of one's own."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


def npz(folder, content, **options):
    """Write an archive with one array, given as bytes; return its path."""
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("x.npy", content)
    return path


def patched(path, **fields):
    """Change flags or the method of compression in both headers of the only entry."""
    content = bytearray(path.read_bytes())
    for mark, flags, method in ((b"PK\3\4", 6, 8), (b"PK\1\2", 8, 10)):
        start = content.rindex(mark)
        for name, value in fields.items():
            struct.pack_into("<H", content, start + {"flags": flags, "method": method}[name], value)
    path.write_bytes(content)
    return path


def refusals(path, scratch):
    """Read a file as a data set and as samples; return both errors, each of which names it."""
    errors = []
    for call in (
        lambda: loaders.npz(str(path), scratch=scratch, task="none"),
        lambda: read_samples(path, SPEC),
    ):
        start = time.monotonic()
        with pytest.raises(DataError) as caught:
            call()
        assert time.monotonic() - start < 2
        assert str(caught.value).startswith(str(path))
        assert len(str(caught.value).splitlines()) == 1
        errors.append(caught.value.found)
    return errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(HUGE % 10**15), "16 bytes of values"),
        (npy(HUGE % 10**30), "shape ("),
        (npy(HUGE % -1), "shape (-1, 2)"),
        (npy("{'descr': '<U0', 'fortran_order': False, 'shape': (9,), }"), "type <U0"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), "pickled"),
        (npy("(" * 100), "no array"),
        (npy("{'descr': 'zz', 'fortran_order': False, 'shape': (2,), }"), "no array"),
        (npy("__import__('os').system('false')"), "no array"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "no array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "no array"),
        (b"", "no array"),
    ],
)
def test_damaged_and_hostile_headers_are_refused(tmp_path, content, words):
    """Before any memory is asked for."""
    stored, samples = refusals(npz(tmp_path, content), tmp_path)

    assert words in stored
    assert samples.startswith("not readable (")
    if content:
        (tmp_path / "a.npy").write_bytes(content)
        with pytest.raises(DataError, match="not readable"):
            read_samples(tmp_path / "a.npy", SPEC)


def test_encrypted_archives_are_refused(tmp_path):
    """There is nobody to ask for a password."""
    path = patched(npz(tmp_path, npy(HUGE % 2)), flags=1)

    assert ["x.npy is encrypted", "not readable (x.npy is encrypted)"] == refusals(path, tmp_path)


def test_unknown_compression_is_refused(tmp_path):
    """Such as what only one program writes."""
    path = patched(npz(tmp_path, npy(HUGE % 2)), method=99)

    assert all("compression" in found for found in refusals(path, tmp_path))


def test_an_archive_without_its_first_byte_is_refused(tmp_path):
    """Its entry would lie before the file: found by `make fuzz`."""
    path = npz(tmp_path, npy(HUGE % 2))
    path.write_bytes(path.read_bytes()[1:])

    assert all("damaged" in found or "not readable" in found for found in refusals(path, tmp_path))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """Its directory says how large it is; 2 GB of zeros in 2 MB."""
    path = tmp_path / "a.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as entry,
    ):
        entry.write(npy(HUGE % (268_435_456), b""))
        for _ in range(128):
            entry.write(bytes(1 << 24))

    assert all("that would unpack to 2,147," in found for found in refusals(path, tmp_path))
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_twice_is_refused(tmp_path):
    """Readers take the one or the other."""
    path = npz(tmp_path, npy(HUGE % 2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.npy", npy(HUGE % 2))

    assert all("an array twice" in found for found in refusals(path, tmp_path))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling"])
def test_what_is_no_regular_file_is_refused(tmp_path, kind):
    """A pipe would be waited for, a device read without end."""
    path = tmp_path / "a.npz"
    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "dangling": lambda: path.symlink_to("nowhere"),
    }[kind]()
    found = "a link to nothing" if kind == "dangling" else "not a regular file"

    assert [found, found] == refusals(path, tmp_path)
    with pytest.raises(DataError) as caught:
        loaders.csv(str(path), scratch=tmp_path, task="none")
    assert (str(path), found) == (caught.value.place, caught.value.found)


def test_a_pipe_among_images_is_refused(tmp_path):
    """Whatever its name."""
    (tmp_path / "images/cat").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "images/cat/a.png")
    os.mkfifo(tmp_path / "images/cat/b.png")

    with pytest.raises(DataError, match=r"b\.png: not a regular file"):
        loaders.image_folder(str(tmp_path / "images"), scratch=tmp_path, task="classification")


def table(folder, content, **options):
    """Write a table and load it."""
    (folder / "a.csv").write_bytes(content.encode())
    return loaders.csv(str(folder / "a.csv"), scratch=folder, task="none", **options)


@pytest.mark.parametrize("delimiter", ["::", "", "\n", '"', "\0"])
def test_a_delimiter_is_a_single_character(tmp_path, delimiter):
    """And none that lines or quotes are made of; the option is named, not the file."""
    with pytest.raises(DataError) as caught:
        table(tmp_path, "a\n1\n", delimiter=delimiter)

    assert ("data.load.delimiter", repr(delimiter)) == (caught.value.place, caught.value.found)


DIGITS = ["\uff11\uff12", "1_000", "\u0663", "1\u00a0", "\uff10.5", "\u22121"]


@pytest.mark.parametrize("cell", DIGITS)
def test_numbers_are_those_of_ascii(tmp_path, cell):
    """Python reads full-width digits and underscores as well."""
    with pytest.raises(DataError) as caught:
        table(tmp_path, f"a,b\n1,2\n3,{cell}\n")

    assert caught.value.place.endswith("a.csv: line 3, column 'b'")
    assert "expected a number" == caught.value.expected


def test_labels_in_other_digits_are_names(tmp_path):
    """Not the classes of that number."""
    (tmp_path / "a.csv").write_text("a,k\n1,\uff11\n2,0\n", encoding="utf-8")
    found = loaders.csv(
        str(tmp_path / "a.csv"), scratch=tmp_path, task="classification", target="k"
    )

    assert ["0", "\uff11"] == list(found.classes)


def test_a_nul_is_refused_with_its_line(tmp_path):
    """The file is binary, or damaged."""
    with pytest.raises(DataError) as caught:
        table(tmp_path, "a,b\n1,2\n3,\0\n")

    assert caught.value.place.endswith("a.csv: line 3")
    assert "a NUL" == caught.value.found


def test_a_million_columns_take_seconds(tmp_path):
    """The header is looked up, not searched."""
    count = 1_000_000
    text = ",".join(f"c{i}" for i in range(count)) + "\n" + ",".join(["1"] * count) + "\n"
    start = time.monotonic()
    found = table(tmp_path, text)

    assert (1, count) == found.inputs["features"].shape
    with pytest.raises(DataError, match="no column 'd7'"):
        table(tmp_path, text, features=["d7"])
    with pytest.raises(DataError, match="column 'c0' twice"):
        table(tmp_path, text.replace("c999999", "c0"))
    assert time.monotonic() - start < 20


def test_many_classes_take_seconds(tmp_path):
    """A label of its own for each sample is a mistake, but no reason to hang."""
    rows = "".join(f"{i},n{i}\n" for i in range(100_000))
    (tmp_path / "a.csv").write_text(f"a,k\n{rows}")
    start = time.monotonic()
    found = loaders.csv(
        str(tmp_path / "a.csv"), scratch=tmp_path, task="classification", target="k"
    )

    assert 100_000 == len(found.classes)
    assert time.monotonic() - start < 10


def test_the_nearest_of_a_million_names_is_found_in_time():
    """Among the first of them."""
    start = time.monotonic()

    assert "did you mean 'c70'?" == nearest("cc70", (f"c{i}" for i in range(10**6)))
    assert time.monotonic() - start < 2


def test_arrays_of_every_kind_are_read_as_before(tmp_path):
    """Compressed by any method that NumPy's reader knows."""
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.save(tmp_path / "x.npy", values)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = npz(tmp_path, (tmp_path / "x.npy").read_bytes(), compression=method)

        np.testing.assert_array_equal(values, read_samples(path, SPEC).inputs["x"])
        found = loaders.npz(str(path), scratch=tmp_path, task="none")
        np.testing.assert_array_equal(values, found.inputs["x"][:])
