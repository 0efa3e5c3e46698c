"""Where a model comes from: one that others trained becomes what the pipeline's own would be.

After `bring`, a model is a `model.keras` of Keras 3, or a SavedModel in `imported/` with a note in
the place of model.keras: whatever comes after knows these two only.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.import_graph import closure, module_file
from litemill.config.instantiate import instantiate
from litemill.core.errors import ModelError, nearest
from litemill.core.files import read_json, remove, write_json
from litemill.models import keras_file, keras_model, saved_model

if TYPE_CHECKING:
    from litemill.config.schema.train import Model


KERAS_2 = "serving_default"  # the signature of a model of Keras 2, until it is exported


@dataclass(frozen=True)
class StoredModel:
    """A model in the folder that `train` writes."""

    folder: Path

    @property
    def keras(self) -> Path:
        """The model as Keras 3 saves it, or a line that says it is none of Keras 3."""
        return self.folder / "model.keras"

    @property
    def saved_model(self) -> Path:
        """The model as a SavedModel, when it is none of Keras 3."""
        return self.folder / "imported" / "saved_model"

    @property
    def legacy(self) -> Path:
        """The file of Keras 2, when it is one that Keras 3 refuses."""
        return self.folder / "imported" / "model.h5"

    def is_keras(self) -> bool:
        """Tell whether Keras 3 has it."""
        return zipfile.is_zipfile(self.keras)

    def settle(self, model: Model) -> None:
        """Begin anew: only what loading the model takes, that is its switches and its code."""
        imported = self.folder / "imported"
        remove(imported)
        switches = {
            "custom_objects": model.custom_objects,
            "allow_lambda": model.allow_lambda,
            "signature": model.signature,
        }
        write_json(imported / "loading.json", switches)
        for module in model.custom_objects:
            _copy_code(module, imported / "code")
        self.keras.write_bytes(b"No model of Keras 3: imported/ holds it.\n")

    def switches(self) -> dict[str, Any]:
        """Give what `settle` wrote: custom_objects, allow_lambda, signature."""
        switches: dict[str, Any] = read_json(self.folder / "imported" / "loading.json")
        return switches

    def exported_key(self) -> str:
        """Name the signature of the SavedModel: the chosen one, or Keras 2's only one."""
        return KERAS_2 if self.legacy.is_file() else str(self.switches()["signature"])

    def signature(self, asked: str) -> str:
        """Name the signature of the export: as asked for a Keras model, or as the model has it."""
        return asked if self.is_keras() or self.legacy.is_file() else self.exported_key()

    def save(self, folder: Path, key: str) -> None:
        """Write the model as a SavedModel whose signature is called `key`."""
        if not self.is_keras() and key == self.exported_key():
            shutil.copytree(self.saved_model, folder)
        else:
            # A SavedModel that is loaded and saved under another name has other bytes every time.
            self.trace(folder, key, batch=None, unroll=False)

    def load_keras(self) -> Any:
        """Load the model, in a process of Keras 3 or, for a file of that, of Keras 2."""
        file = self.keras if self.is_keras() else self.legacy
        return keras_model.load_keras_file(file, **self._loading())

    def trace(self, folder: Path, key: str, *, batch: int | None, unroll: bool) -> None:
        """Save a Keras model as a SavedModel of another batch size, or without loops.

        Raises:
            ModelError: it cannot be unrolled.
        """
        loading = self._loading()
        if not self.is_keras() and not keras_model.is_keras_2():
            keras_model.save_with_keras_2(
                self.legacy, folder, key, batch=batch, unroll=unroll, **loading
            )
            return
        model = self.load_keras()
        saved_model.save_keras(
            saved_model.unroll(model) if unroll else model, folder, key, batch=batch
        )

    def _loading(self) -> dict[str, Any]:
        code = (self.folder / "imported" / "code").resolve()
        if code.is_dir() and str(code) not in sys.path:
            sys.path.insert(0, str(code))
        switches = self.switches()
        return {key: switches[key] for key in ("custom_objects", "allow_lambda")}


def import_model(model: Model, out: StoredModel) -> str:
    """Bring an imported model into `out.folder`; say in a few words what it is.

    Raises:
        ModelError: there is no such model, it is damaged, or nothing here can load it.
    """
    out.settle(model)
    if model.function is not None:
        _bring_function(model, out)
        return f"a function of {model.function['_target_']}"
    assert model.file is not None
    file = Path(model.file)
    if file.is_dir():
        _bring_saved_model(file, model, out)
        return f"a SavedModel, {file}"
    return f"a Keras file, {file} ({_bring_keras(file, model, out)})"


def _copy_code(module: str, folder: Path) -> None:
    """Copy the project's own files that a module is made of: what comes later loads these."""
    root = Path.cwd()
    file = module_file(module, root)
    for source in closure(file, root) if file else ():
        for path in (source, *(parent / "__init__.py" for parent in source.parents)):
            if path.is_file() and path.is_relative_to(root):
                target = folder / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _bring_saved_model(file: Path, model: Model, out: StoredModel) -> None:
    saved_model.load_signature(file, model.signature, model.tags)
    if model.tags:
        saved_model.retag(file, model.signature, model.tags, out.saved_model)
        return
    ignore = shutil.ignore_patterns("fingerprint.pb", "__pycache__")
    shutil.copytree(file, out.saved_model, ignore=ignore)


def _bring_keras(file: Path, model: Model, out: StoredModel) -> str:
    options: dict[str, Any] = {
        "custom_objects": model.custom_objects,
        "allow_lambda": model.allow_lambda,
    }
    keras_model.refuse_lambda(file, allow_lambda=model.allow_lambda)
    keras_model.import_custom_objects(model.custom_objects)
    if keras_model.is_keras_2():
        saved_model.save_keras(
            keras_model.load_keras_file(file, **options), out.saved_model, KERAS_2
        )
        shutil.copyfile(file, out.legacy)
        return keras_model.keras_name()
    try:
        loaded = keras_model.load_keras_file(file, **options)
    except ModelError as refused:
        try:
            keras_model.save_with_keras_2(file, out.saved_model, KERAS_2, **options)
        except ModelError as error:
            told = str(error).removeprefix(f"{file}: ")
            raise ModelError(refused, f"nor will Keras 2: {told}") from refused
        shutil.copyfile(file, out.legacy)
        return "through Keras 2, since Keras 3 refuses it"
    keras_file.save_keras_file(loaded, out.keras)
    return keras_model.keras_name()


def _bring_function(model: Model, out: StoredModel) -> None:
    import tensorflow as tf

    assert model.function is not None
    given = instantiate(model.function, "model.function")
    target = model.function["_target_"]
    function = given
    if isinstance(given, tf.Module) and not hasattr(given, "get_concrete_function"):
        function = _member(given, model.signature, target)
    if not hasattr(function, "get_concrete_function"):
        told = f"{target} returned a {type(given).__name__}"
        raise ModelError("model.function", told, "expected a tf.function or a tf.Module with one")
    if function.input_signature is None:
        told = f"{target} returned a function without an input signature"
        raise ModelError("model.function", told, "expected tf.function(input_signature=[...])")
    tf.saved_model.save(
        given if isinstance(given, tf.Module) else _holder(function),
        str(out.saved_model),
        signatures={model.signature: function.get_concrete_function()},
    )
    (out.saved_model / "fingerprint.pb").unlink(missing_ok=True)


def _holder(function: Any) -> Any:
    import tensorflow as tf

    module = tf.Module()
    module.function = function
    module.weights = list(function.get_concrete_function().graph.variables)
    return module


def _member(module: Any, key: str, target: str) -> Any:
    names = [
        n
        for n in dir(type(module))
        if hasattr(getattr(type(module), n, None), "python_function")
        or hasattr(getattr(type(module), n, None), "get_concrete_function")
    ]
    wanted = key if key in names else "__call__"
    if wanted not in names and len(names) == 1:
        wanted = names[0]
    if wanted not in names:
        told = f"no tf.function {key!r} in what {target} returned"
        raise ModelError("model.signature", told, nearest(key, names))
    return getattr(module, wanted)
