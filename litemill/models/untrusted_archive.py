"""Vet a Keras file before any loader sees it: Keras 2 refuses nothing, Keras 3 not everything.

A file may be from anyone. What it holds must lie inside of it, be no larger than its bytes can
reasonably stand for, and name no code but that of Keras and of the modules that the user names.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import h5py

# A file may declare this many bytes for each of its own, and as many more.
RATIO = 100
ALLOWANCE = 64 << 20
CONFIG_BYTES = 64 << 20  # of config.json, of which every byte becomes Python objects

KERAS_PACKAGES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
# Of Keras itself: these load code or read files and addresses that a configuration names.
UNSAFE_CLASSES = ("TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer")
UNSAFE_MODULES = ("utils", "config", "saving", "datasets", "export", "callbacks")
FILE_OPTIONS = ("vocabulary", "idf_weights")
_ENCRYPTED = 0x1


class UnsafeModelError(ModelError):
    """A model file reaches outside of itself; no other loader is tried."""


def read_configuration(file: Path) -> Any:
    """Read the configuration of a model from a Keras file whose container is safe to open.

    Raises:
        UnsafeModelError: the file reaches outside of itself, or declares far more than it holds.
        ModelError: there is no such file, it is damaged, or holds no model.
    """
    native = str(file).endswith(".keras")
    if file.exists() and not file.is_file():
        raise ModelError(file, "not a regular file", "expected a .keras or .h5 file")
    if zipfile.is_zipfile(file) and not native:
        # HDF5 ignores what comes behind it, zip what comes before: such a file may be two models.
        raise ModelError(file, "a zip archive by another name", "expected the suffix .keras for it")
    try:
        if native and zipfile.is_zipfile(file):
            return json.loads(_vet_zip(file))
        return json.loads(_vet_hdf5(file, file, file.stat().st_size))
    except ModelError:
        raise
    except FileNotFoundError:
        raise ModelError(file, "no such file", "expected a .keras or .h5 file") from None
    except KeyError as error:
        message = f"holds no model configuration ({first_line(error)})"
        raise ModelError(file, message, "expected a whole model, not weights alone") from None
    except Exception as error:  # whatever zlib, HDF5 and JSON say of damaged bytes
        message = f"not a readable Keras file ({first_line(error)})"
        raise ModelError(file, message, "expected a .keras or .h5 file") from error


def refuse_foreign_code(
    file: Path, configuration: Any, modules: Collection[str], objects: Collection[str]
) -> None:
    """Refuse a configuration that names code outside of Keras, or makes Keras read other files.

    Args:
        file: named in the error.
        configuration: of a model, as `read_configuration` returns it.
        modules: those that the user names; what they define may be loaded.
        objects: names of classes and functions of these modules, under which they may be saved as
            part of another module, such as `__main__`.

    Raises:
        UnsafeModelError: names the code or the option.
    """
    for entry in _mappings(configuration):
        name, module = entry.get("class_name"), entry.get("module")
        if name in UNSAFE_CLASSES:
            message = f"a layer {name}, which loads code or files from outside"
            raise UnsafeModelError(file, message, "expected a model without it")
        if isinstance(name, str) and isinstance(module, str):
            registered = str(entry.get("registered_name") or name).rpartition(">")[2]
            known = {name, registered} & set(objects)
            if not known and not _may_import(module, modules):
                message = f"names code of the module {module!r} ({name})"
                expected = "name the module of its layers in `custom_objects`"
                raise UnsafeModelError(file, message, expected)
        for option in FILE_OPTIONS:
            if isinstance(entry.get(option), str):
                message = f"{option} is read from another file ({entry[option]})"
                raise UnsafeModelError(file, message, "expected a model with its own vocabulary")


def _may_import(module: str, modules: Collection[str]) -> bool:
    """Decide about a module by its dotted name."""
    if module in ("", "builtins"):  # Keras looks functions of that name up among its own
        return True
    if any(module == named or module.startswith(f"{named}.") for named in modules):
        return True
    package = next((p for p in KERAS_PACKAGES if module == p or module.startswith(f"{p}.")), None)
    if package is None:
        return False
    parts = module.removeprefix(package).strip(".").split(".")
    inner = parts[1:2] if parts[0] == "src" else parts[:1]
    return not set(inner) & set(UNSAFE_MODULES)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Iterate over all mappings inside of a value of JSON."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _vet_zip(file: Path) -> bytes:
    """Read every entry, which compares the checksums that Keras ignores; return config.json."""
    limit = RATIO * file.stat().st_size + ALLOWANCE
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        for entry in entries:
            _vet_entry(file, entry, twice=names.count(entry.filename) > 1)
        _refuse_size(file, "its entries", sum(entry.file_size for entry in entries), limit)
        configuration = archive.getinfo("config.json")
        if configuration.file_size > CONFIG_BYTES:
            _refuse_size(file, "config.json", configuration.file_size, CONFIG_BYTES)
        for entry in entries:
            if entry.filename.endswith((".h5", ".hdf5")):
                content = archive.read(entry)
                _vet_hdf5(file, io.BytesIO(content), len(content), model=False)
            else:
                with archive.open(entry) as stream:
                    while stream.read(1 << 20):
                        pass
        return archive.read(configuration)


def _vet_entry(file: Path, entry: zipfile.ZipInfo, *, twice: bool) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or {"\\", "\0"} & set(entry.filename):
        raise UnsafeModelError(file, f"an entry outside of it ({entry.filename!r})", "discard it")
    if twice:
        message = f"{entry.filename!r} is in it twice"
        raise UnsafeModelError(file, message, "expected each entry once")
    if entry.flag_bits & _ENCRYPTED:
        raise ModelError(file, f"{entry.filename!r} is encrypted", "expected a plain archive")


def _vet_hdf5(file: Path, source: Any, size: int, *, model: bool = True) -> Any:
    """Walk through all objects of an HDF5 file; return its model configuration."""
    import h5py

    limit, declared = RATIO * size + ALLOWANCE, 0
    with h5py.File(source, "r") as archive:
        waiting: list[Any] = [archive]
        seen = {h5py.h5o.get_info(archive.id).addr}
        while waiting:
            item = waiting.pop()
            declared += _attribute_bytes(item)
            if isinstance(item, h5py.Dataset):
                declared += _dataset_bytes(file, item)
            _refuse_size(file, f"{item.name} and what precedes it", declared, limit)
            for child in _children(file, item) if isinstance(item, h5py.Group) else ():
                address = h5py.h5o.get_info(child.id).addr
                if address not in seen:
                    seen.add(address)
                    waiting.append(child)
        return archive.attrs["model_config"] if model else None


def _children(file: Path, group: h5py.Group) -> Iterator[Any]:
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise UnsafeModelError(file, f"{kind} ({group.name}/{name})", "discard the file")
        yield group[name]


def _dataset_bytes(file: Path, dataset: h5py.Dataset) -> int:
    """Return the size that a dataset declares; refuse one whose values are in another file."""
    if dataset.external or dataset.is_virtual:
        message = f"the values of {dataset.name} are in another file"
        raise UnsafeModelError(file, message, "discard the file")
    return _declared(dataset.id)


def _attribute_bytes(item: Any) -> int:
    return sum(_declared(item.attrs.get_id(name)) for name in item.attrs)


def _declared(identifier: Any) -> int:
    """Return the size of an array of HDF5, stored or not."""
    points = identifier.get_space().get_simple_extent_npoints()
    return int(points) * int(identifier.get_type().get_size())


def _refuse_size(file: Path, what: str, declared: int, limit: int) -> None:
    if declared > limit:
        message = f"{what} would take {declared:,} bytes"
        raise UnsafeModelError(file, message, f"expected at most {limit:,} of a file of its size")
