"""Keras files of any age, loaded without running code that they bring along."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ModelError
from litemill.models.custom_objects import import_custom_objects
from litemill.models.untrusted_archive import (
    UnsafeModelError,
    read_configuration,
    refuse_foreign_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

UNNAMED = "unnamed"
LINE = 200  # characters of an error of others
REFUSALS = ("Not allowed", "disallowed", "unsafe", "safe_mode")  # words of Keras 3


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
        UnsafeModelError: the file reaches outside of itself, or Keras 3 refused it for safety.
    """
    modules = list(custom_objects)
    configuration = read_configuration(file)
    _refuse_lambda(file, configuration, allow_lambda=allow_lambda)
    objects = import_custom_objects(modules)
    refuse_foreign_code(file, configuration, modules, objects)
    options: dict[str, Any] = {"compile": False, "custom_objects": objects}
    if not is_keras_2():
        options["safe_mode"] = not allow_lambda
    try:
        return current_keras().models.load_model(str(file), **options)
    except Exception as error:  # Keras raises whatever its layers raise
        kind = UnsafeModelError if _is_refusal(error) else ModelError
        raise kind(
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
    _refuse_lambda(file, read_configuration(file), allow_lambda=allow_lambda)


def _refuse_lambda(file: Path, configuration: Any, *, allow_lambda: bool) -> None:
    names = set(_lambda_names(configuration))
    # The function inside of a layer has no name of its own.
    layers = sorted(names - {UNNAMED} or names)
    if layers and not allow_lambda:
        message = f"Lambda layers, which are code inside of the file: {', '.join(layers)}"
        raise ModelError(file, message, "`allow_lambda` runs it, with your rights")


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


def _is_refusal(error: BaseException) -> bool:
    """Tell whether Keras 3 refused the file for safety; Keras 2 would not."""
    return any(words in str(error) for words in REFUSALS)


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
