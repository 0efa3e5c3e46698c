from __future__ import annotations

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import zoo

from litemill.config.schema.train import Model
from litemill.core.errors import ModelError
from litemill.models import keras_model, kinds
from litemill.models.untrusted_archive import UnsafeModelError, refuse_foreign_code

SECRET = np.arange(100, dtype=np.float32)


@pytest.fixture
def h5(tmp_path):
    """Save a small model as HDF5."""
    path = tmp_path / "model.h5"
    zoo.dense().save(path)
    return path


@pytest.fixture
def native(tmp_path):
    """Save a small model as a zip archive."""
    path = tmp_path / "model.keras"
    zoo.dense().save(path)
    return path


def kernel(archive):
    """Return the path of the largest array of an HDF5 file."""
    arrays = []
    archive.visititems(lambda n, o: arrays.append((o.size, n)) if hasattr(o, "size") else None)
    return max(arrays)[1]


def replace(archive, **options):
    """Put another dataset in the place of the largest one; return its name."""
    name = kernel(archive)
    shape = archive[name].shape
    del archive[name]
    archive.create_dataset(name, **{"shape": shape, "dtype": "float32"} | options)
    return name


def reconfigured(path, change, entry="config.json"):
    """Write a .keras file anew with another configuration."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content[entry] = change(content[entry])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return path


def refusal(path, tmp_path, **options):
    """Import a file; return the error that says it is unsafe, nothing being stored."""
    (tmp_path / "out").mkdir()
    with pytest.raises(UnsafeModelError) as caught:
        kinds.import_model(Model(file=str(path), **options), tmp_path / "out")
    assert [] == list((tmp_path / "out").rglob("*.pb"))
    assert path == type(path)(caught.value.place)
    return caught.value.found


def test_values_in_another_file_are_refused(h5, tmp_path):
    """The bytes of another file of the user would come out as weights; Keras 2 reads them."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET.tobytes())
    with h5py.File(h5, "r+") as archive:
        name = replace(archive, external=[(str(secret), 0, 400)])

    assert f"the values of /{name} are in another file" == refusal(h5, tmp_path)


def test_a_virtual_dataset_is_refused(h5, tmp_path):
    """Its values come from another file as well."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = SECRET
    with h5py.File(h5, "r+") as archive:
        name = kernel(archive)
        del archive[name]
        layout = h5py.VirtualLayout((100,), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (100,))
        archive.create_virtual_dataset(name, layout)

    assert f"the values of /{name} are in another file" == refusal(h5, tmp_path)


@pytest.mark.parametrize(
    ("link", "words"),
    [(h5py.ExternalLink("other.h5", "/x"), "an external link"), (h5py.SoftLink("/x"), "a soft ")],
)
def test_links_are_refused(h5, tmp_path, link, words):
    """Wherever they lead."""
    with h5py.File(h5, "r+") as archive:
        name = kernel(archive)
        del archive[name]
        archive[name] = link

    found = refusal(h5, tmp_path)
    assert found.startswith(words)
    assert name in found


def test_a_shape_beyond_the_file_is_refused(h5, tmp_path):
    """Four gigabytes of nothing, which HDF5 stores in no bytes."""
    with h5py.File(h5, "r+") as archive:
        replace(archive, shape=(1 << 30,))

    assert "would take 4,294" in refusal(h5, tmp_path)


def test_a_group_in_itself_ends(h5):
    """A hard link may lead upwards; what the file holds is read as ever."""
    with h5py.File(h5, "r+") as archive:
        archive["model_weights/again"] = archive["/"]

    assert keras_model.load_keras_file(h5).count_params() == zoo.dense().count_params()


def test_weights_inside_of_a_keras_file_are_vetted_too(native, tmp_path):
    """They are HDF5 as well."""
    weights = tmp_path / "weights.h5"
    with zipfile.ZipFile(native) as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as archive:
        replace(archive, external=[("/etc/passwd", 0, 400)])
    reconfigured(native, lambda _: weights.read_bytes(), "model.weights.h5")

    assert "are in another file" in refusal(native, tmp_path)


def test_a_decompression_bomb_is_refused(native, tmp_path):
    """A hundred megabytes of zeros in a hundred kilobytes."""
    reconfigured(native, lambda content: content + b" " * 100_000_000)

    assert "its entries would take 100," in refusal(native, tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/outside", "assets\\..\\outside"])
def test_entries_outside_of_the_archive_are_refused(native, tmp_path, name):
    """Keras unpacks assets into a folder."""
    with zipfile.ZipFile(native, "a") as archive:
        archive.writestr(name, "x")

    assert "an entry outside of it" in refusal(native, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice_is_refused(native, tmp_path):
    """One reader takes the first, another one the last."""
    with zipfile.ZipFile(native, "a") as archive:
        archive.writestr("config.json", "{}")

    assert "'config.json' is in it twice" == refusal(native, tmp_path)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_module_of_the_current_folder_is_not_imported(tmp_path, monkeypatch, suffix):
    """Not without being named in `custom_objects`; and with it, the model loads."""
    code = """
import pathlib, keras
pathlib.Path("imported").touch()
class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""
    name = f"intruder_{suffix}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / f"model.{suffix}"
    module = __import__(name)
    keras.Sequential([keras.Input((2,), name="x"), module.Twice()]).save(path)
    (tmp_path / "imported").unlink()
    monkeypatch.delitem(__import__("sys").modules, name)

    if suffix == "keras":
        assert "names code of the module 'intruder_keras' (Twice)" == refusal(path, tmp_path)
    else:
        with pytest.raises(ModelError):
            keras_model.load_keras_file(path)
    assert not (tmp_path / "imported").exists()
    assert keras_model.load_keras_file(path, custom_objects=[name]) is not None


@pytest.mark.parametrize(
    "entry",
    [
        {"class_name": "function", "module": "keras.utils", "config": "get_file"},
        {"class_name": "Sequence", "module": "keras.src.utils.module_utils"},
        {"class_name": "function", "module": "os", "config": "system"},
        {"class_name": "x", "module": "kerasx"},
        {"class_name": "TFSMLayer", "config": {"filepath": "/nowhere"}},
        {"class_name": "TorchModuleWrapper", "module": "keras.layers"},
        {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
    ],
)
def test_code_and_files_named_in_a_configuration_are_refused(tmp_path, entry):
    """However deep."""
    with pytest.raises(UnsafeModelError):
        refuse_foreign_code(tmp_path, {"config": {"layers": [{"inner": entry}]}}, (), ())


def test_layers_saved_under_another_module_load_by_their_name(tmp_path):
    """A notebook saves its layers as part of `__main__`."""
    entry = {"class_name": "Twice", "module": "__main__", "registered_name": "Custom>Twice"}

    refuse_foreign_code(tmp_path, entry, ["mine"], {"Twice": object})
    with pytest.raises(UnsafeModelError):
        refuse_foreign_code(tmp_path, entry, ["mine"], {})


def test_what_keras_3_refuses_for_safety_is_not_tried_with_keras_2(native, tmp_path, monkeypatch):
    """Whatever the vetting does not know of."""
    entry = {"module": "keras.saving", "class_name": "x", "registered_name": None, "config": {}}
    reconfigured(native, lambda content: json.dumps(json.loads(content) | {"z": entry}).encode())
    monkeypatch.setattr("litemill.models.untrusted_archive.UNSAFE_MODULES", ())
    loaded = keras_model.load_keras_file(native)  # an entry that Keras does not look at
    assert loaded is not None
    reconfigured(
        native,
        lambda _: json.dumps(
            {
                "module": "keras.config",
                "class_name": "function",
                "config": "enable_unsafe_deserialization",
                "registered_name": "function",
            }
        ).encode(),
    )

    assert "Keras 3" in refusal(native, tmp_path)
