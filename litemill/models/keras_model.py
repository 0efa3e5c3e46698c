"""Keras files of any age, loaded without running code that they bring along."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

UNNAMED = "unnamed"
LINE = 200  # characters of an error of others


def load_keras_file(
    file: Path, *, custom_objects: Iterable[str] = (), allow_lambda: bool = False
) -> Any:
    """Load a .keras or .h5 file with the Keras of this process (Keras 2 if so started).

    Args:
        file: the model.
        custom_objects: modules whose layers and functions it needs.
        allow_lambda: load Lambda layers, which are code inside of the file.

    Raises:
        ModelError: no such file, not a Keras file, a damaged one, one with Lambda layers, or one
            that this Keras does not read.
    """
    refuse_lambda(file, allow_lambda=allow_lambda)
    known = import_custom_objects(custom_objects)
    options: dict[str, Any] = {"compile": False, "custom_objects": known}
    if not is_keras_2():
        options["safe_mode"] = not allow_lambda
    try:
        return current_keras().models.load_model(str(file), **options)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ModelError(
            file, f"{keras_name()} does not load it ({_first(error)})", _advice(error)
        ) from error


def is_keras_2() -> bool:
    """Tell whether this process runs Keras 2 (tf_keras)."""
    return os.environ.get("TF_USE_LEGACY_KERAS") == "1"


def current_keras() -> Any:
    """Give the Keras of this process."""
    return importlib.import_module("tf_keras" if is_keras_2() else "keras")


def keras_name() -> str:
    """Name the Keras of this process."""
    return f"Keras {current_keras().__version__}"


def save_with_keras_2(file: Path, folder: Path, key: str, **options: Any) -> None:
    """Save a Keras file as a SavedModel with Keras 2, in a process of its own.

    tf_keras takes the place of Keras 3 only when TensorFlow is told so before it is imported.

    Args:
        file: the Keras file.
        folder: where the SavedModel goes.
        key: name of its signature.
        options: the other arguments of `legacy.to_saved_model`.

    Raises:
        ModelError: it failed; its last line says why.
    """
    arguments = {"file": str(file), "folder": str(folder), "key": key, **options}
    command = [sys.executable, "-P", "-m", "litemill.models.keras2", json.dumps(arguments)]
    # This very code, whatever the current folder holds; and modules from where they are found now.
    here = [str(Path(__file__).parents[1]), *(path or str(Path.cwd()) for path in sys.path)]
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(here)),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        told = lines[-1] if lines else f"Keras 2 ended with status {done.returncode}"
        why = subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)
        raise ModelError(file, told.removeprefix(f"{file}: ")) from why


def refuse_lambda(file: Path, *, allow_lambda: bool) -> None:
    """Refuse a file with Lambda layers, whose code would run while it is loaded.

    Keras 2 runs it without asking, so the configuration is read here, before any Keras sees it.

    Raises:
        ModelError: there is no such file, it is no Keras file, it could be read as another one, or
            it has Lambda layers.
    """
    found = {str(layer) for layer in _lambdas(_configuration(file))}
    # The function inside of a layer has no name of its own.
    layers = sorted(found - {UNNAMED} or found)
    if layers and not allow_lambda:
        told = f"Lambda layers, which are code inside of the file: {', '.join(layers)}"
        raise ModelError(file, told, "`allow_lambda` runs it, with your rights")


def import_custom_objects(modules: Iterable[str]) -> dict[str, Any]:
    """Import modules and give their own public classes and functions by name.

    Raises:
        ModelError: a module cannot be imported.
    """
    known: dict[str, Any] = {}
    for dotted in modules:
        try:
            module = importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            told = f"{dotted}: {error}"
            raise ModelError("custom_objects", told, "expected a module to import") from None
        known |= {
            key: value
            for key, value in vars(module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == module.__name__
        }
    return known


def _configuration(file: Path) -> Any:
    """Read the configuration that Keras will read: what a file is, it tells by the suffix alone."""
    native = str(file).endswith(".keras")
    if zipfile.is_zipfile(file) and not native:
        # HDF5 ignores what comes behind it, zip what comes before: such a file may be two models.
        raise ModelError(file, "a zip archive by another name", "expected the suffix .keras for it")
    try:
        if native and zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                # Keras itself does not look at the checksums of the weights.
                entries = {name: archive.read(name) for name in archive.namelist()}
                return json.loads(entries["config.json"])
        import h5py

        with h5py.File(file) as stored:
            return json.loads(stored.attrs["model_config"])
    except FileNotFoundError:
        raise ModelError(file, "no such file", "expected a .keras or .h5 file") from None
    except KeyError as error:
        told = f"holds no model configuration ({_first(error)})"
        raise ModelError(file, told, "expected a whole model, not weights alone") from None
    except Exception as error:  # whatever zlib, HDF5 and JSON say of damaged bytes
        told = f"not a readable Keras file ({_first(error)})"
        raise ModelError(file, told, "expected a .keras or .h5 file") from error


def _lambdas(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if value.get("class_name") in ("Lambda", "__lambda__"):
            config = value.get("config")
            yield (
                value.get("name") or (isinstance(config, dict) and config.get("name")) or UNNAMED
            )
        for item in value.values():
            yield from _lambdas(item)
    elif isinstance(value, list):
        for item in value:
            yield from _lambdas(item)


def _first(error: BaseException) -> str:
    """Give the line of an error that tells most; Keras puts whole configurations around it."""
    told = str(error).rpartition("Exception encountered: ")[2].partition(" using config={")[0]
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= LINE else f"{line[:LINE]} ..."


def _advice(error: BaseException) -> str:
    if "custom" in str(error) or "registered" in str(error):
        return "name the module of its layers in `custom_objects`"
    return "expected a whole and undamaged model"
