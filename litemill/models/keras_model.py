"""Keras files of any age, loaded without running code that they bring along."""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError
from litemill.models.custom_objects import import_custom_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

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
    objects = import_custom_objects(custom_objects)
    options: dict[str, Any] = {"compile": False, "custom_objects": objects}
    if not is_keras_2():
        options["safe_mode"] = not allow_lambda
    try:
        return current_keras().models.load_model(str(file), **options)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ModelError(
            file, f"{keras_name()} does not load it ({_summary(error)})", _advice(error)
        ) from error


def is_keras_2() -> bool:
    """Return whether this process runs Keras 2 (tf_keras)."""
    return os.environ.get("TF_USE_LEGACY_KERAS") == "1"


def current_keras() -> Any:
    """Import the Keras of this process."""
    return importlib.import_module("tf_keras" if is_keras_2() else "keras")


def keras_name() -> str:
    """Name the Keras of this process."""
    return f"Keras {current_keras().__version__}"


def refuse_lambda(file: Path, *, allow_lambda: bool) -> None:
    """Refuse a file with Lambda layers, whose code would run while it is loaded.

    Keras 2 runs it without asking, so the configuration is read here, before any Keras sees it.

    Raises:
        ModelError: there is no such file, it is no Keras file, it could be read as another one, or
            it has Lambda layers.
    """
    names = set(_lambda_names(_configuration(file)))
    # The function inside of a layer has no name of its own.
    layers = sorted(names - {UNNAMED} or names)
    if layers and not allow_lambda:
        message = f"Lambda layers, which are code inside of the file: {', '.join(layers)}"
        raise ModelError(file, message, "`allow_lambda` runs it, with your rights")


def _configuration(file: Path) -> Any:
    """Read the configuration that Keras will read: it goes by the suffix alone."""
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

        with h5py.File(file) as archive:
            return json.loads(archive.attrs["model_config"])
    except FileNotFoundError:
        raise ModelError(file, "no such file", "expected a .keras or .h5 file") from None
    except KeyError as error:
        message = f"holds no model configuration ({_summary(error)})"
        raise ModelError(file, message, "expected a whole model, not weights alone") from None
    except Exception as error:  # whatever zlib, HDF5 and JSON say of damaged bytes
        message = f"not a readable Keras file ({_summary(error)})"
        raise ModelError(file, message, "expected a .keras or .h5 file") from error


def _lambda_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("class_name") in ("Lambda", "__lambda__"):
            config = value.get("config")
            inner = config.get("name") if isinstance(config, dict) else None
            yield str(value.get("name") or inner or UNNAMED)
        for item in value.values():
            yield from _lambda_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _lambda_names(item)


def _summary(error: BaseException) -> str:
    """Return the line of an error that says most; Keras puts whole configurations around it."""
    text = str(error).rpartition("Exception encountered: ")[2].partition(" using config={")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= LINE else f"{line[:LINE]} ..."


def _advice(error: BaseException) -> str:
    if "custom" in str(error) or "registered" in str(error):
        return "name the module of its layers in `custom_objects`"
    return "expected a whole and undamaged model"
