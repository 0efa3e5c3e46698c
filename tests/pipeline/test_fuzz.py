"""Long tests, run by `make fuzz`: whatever a file holds, it is read or refused in lines.

Hypothesis looks for a file that gives a traceback, hangs, or is refused without naming itself.
"""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import copied

from litemill.core.errors import DataError, LitemillError, ModelError
from litemill.core.yaml_file import read
from litemill.data import loaders
from litemill.data.sample_file import read_samples
from litemill.models.untrusted_archive import read_configuration
from litemill.pipeline.configure import configure

pytestmark = pytest.mark.long
EXAMPLES = settings(
    max_examples=1000, deadline=10_000, suppress_health_check=list(HealthCheck), print_blob=True
)
FEW = settings(EXAMPLES, max_examples=150)
SPEC = {"x": {"dtype": "float32", "shape": [None, 2]}}
CHOICE = "optimization: int8\ncalibration: {samples: 10}\nlimits: {snr_db: 3}\nbatch: null\n"
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["${now:%Y}", "${a}", "${", "???", "../x", "int8", "1_0", "a\nb", "\x00"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def archive():
    """Return the bytes of an archive with one array."""
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.arange(8, dtype=np.float32).reshape(4, 2))
    return stream.getvalue()


def keras_file():
    """Return the bytes of an archive as Keras writes it, without weights."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("config.json", '{"class_name": "Sequential", "module": "keras"}')
        made.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(80))
    return stream.getvalue()


def damaged(whole):
    """Generate a file with some bytes replaced, cut or put in."""
    place = st.integers(0, len(whole))
    edit = st.tuples(place, st.integers(0, 6), st.binary(max_size=6))

    def apply(edits):
        content = whole
        for start, removed, added in edits:
            content = content[:start] + added + content[start + removed :]
        return content

    return st.lists(edit, min_size=1, max_size=4).map(apply)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Copy the sources once; params.yaml and a variant are written anew each time."""
    return copied(tmp_path_factory.mktemp("fuzz") / "tree")


def error_of(call, kind=LitemillError):
    """Call; return the refusal, or None."""
    try:
        call()
    except kind as error:
        return error
    return None


def refuse(path, call, kind):
    """Call; a refusal is of this kind, in one line that names the file."""
    error = error_of(call, kind)
    if error is not None:
        assert path.name in error.place
        assert 1 == len(str(error).splitlines())
        assert len(str(error)) < 2000


@EXAMPLES
@given(content=damaged(CHOICE.encode()) | st.binary(max_size=60) | st.text().map(str.encode))
def test_any_yaml(tmp_path_factory, content):
    """Read, or refused with its name."""
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content)

    refuse(path, lambda: read(path, path.name), LitemillError)


@FEW
@given(content=damaged(CHOICE.encode()))
def test_any_file_of_a_choice(tree, content):
    """The project is configured, or refused in lines."""
    (tree / "params.yaml").write_text(
        "model: digits_cnn\ndata: digits\ntrain: default\nvariants: [mine]\n"
    )
    (tree / "conf/variant").mkdir(exist_ok=True)
    (tree / "conf/variant/mine.yaml").write_bytes(content)
    error = error_of(lambda: configure(tree))
    (tree / "conf/variant/mine.yaml").unlink()

    assert all(len(line) < 2000 for line in str(error).splitlines())


@FEW
@given(
    path=st.sampled_from(
        ["train", "train.epochs", "data.split", "validate.kernels", "limits", "limits.snr_db",
         "variants.int8", "variants.int8.calibration", "model", "data.load", "release.name"]
    ),
    value=VALUES,
)  # fmt: skip
def test_any_override(tree, path, value):
    """As above."""
    for key in reversed(path.split(".")):
        value = {key: value}
    params = {"model": "digits_cnn", "data": "digits", "train": "default", "variants": ["int8"]}
    text = yaml.safe_dump(params | {"overrides": value}, allow_unicode=False)
    (tree / "params.yaml").write_text(text)

    error = error_of(lambda: configure(tree))

    assert all(len(line) < 5000 for line in str(error).splitlines())


@EXAMPLES
@given(content=damaged(archive()))
def test_any_archive_of_arrays(tmp_path_factory, content):
    """As a data set, and as samples."""
    folder = tmp_path_factory.getbasetemp()
    path = folder / "fuzz.npz"
    path.write_bytes(content)

    refuse(path, lambda: loaders.npz(str(path), scratch=folder, task="none"), DataError)
    refuse(path, lambda: read_samples(path, SPEC), LitemillError)


@EXAMPLES
@given(content=damaged(b"a,b,k\n1,2,x\n3,4,y\n") | st.binary(max_size=60))
def test_any_table(tmp_path_factory, content):
    """With labels in the last column."""
    folder = tmp_path_factory.mktemp("table")
    path = folder / "fuzz.csv"
    path.write_bytes(content)
    call = {"scratch": folder, "task": "classification", "target": "k"}

    refuse(path, lambda: loaders.csv(str(path), **call), DataError)


@EXAMPLES
@given(content=damaged(keras_file()))
def test_any_keras_file(tmp_path_factory, content):
    """Before Keras sees it."""
    path = tmp_path_factory.getbasetemp() / "fuzz.keras"
    path.write_bytes(content)

    refuse(path, lambda: read_configuration(path), ModelError)
