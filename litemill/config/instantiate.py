"""Call what a `_target_` names: a data set, a model, an optimizer; without importing Hydra."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


def instantiate(spec: Mapping[str, Any], place: str, **offered: Any) -> Any:
    """Call the `_target_` of `spec` with its other keys as keyword arguments.

    Each of `offered` is passed too, where the target has a parameter of that name and `spec` has
    no such key. What the target itself raises passes through.

    Raises:
        ConfigError: there is no such target, or it does not take these arguments.
    """
    if not isinstance(spec, dict) or not isinstance(spec.get("_target_"), str):
        raise ConfigError(f"{place}._target_", "missing", "expected a dotted name")
    function = resolve_target(spec["_target_"], f"{place}._target_")
    arguments = {str(key): value for key, value in spec.items() if key != "_target_"}
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions of C have no signature
        return function(**arguments)
    arguments = {k: v for k, v in offered.items() if k in signature.parameters} | arguments
    _check(signature, arguments, f"{place} ({spec['_target_']})")
    return function(**arguments)


def resolve_target(name: str, place: str) -> Callable[..., Any]:
    """Find the function or class with a dotted name.

    Raises:
        ConfigError: it cannot be imported or called, with the nearest name that can.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        raise ConfigError(place, repr(name), "expected a dotted name, such as 'data.digits.load'")
    value: Any = _module(parts[0], name, place)
    for i, part in enumerate(parts[1:], 1):
        if hasattr(value, part):
            value = getattr(value, part)
        elif inspect.ismodule(value):
            value = _submodule(value, ".".join(parts[: i + 1]), name, place)
        else:
            known = [n for n in dir(value) if not n.startswith("_")]
            raise ConfigError(place, f"no {part!r} in {name!r}", nearest(part, known))
    if not callable(value):
        kind = type(value).__name__
        raise ConfigError(place, f"{name!r} is of type {kind}", "expected a function")
    return value  # type: ignore[no-any-return]


def _submodule(parent: ModuleType, dotted: str, name: str, place: str) -> ModuleType:
    part = dotted.rpartition(".")[2]
    below = [module.name for module in pkgutil.iter_modules(getattr(parent, "__path__", []))]
    if part in below:
        return _module(dotted, name, place)
    own = [n for n, v in vars(parent).items() if callable(v) and not n.startswith("_")]
    known = nearest(part, {*own, *below} or {parent.__name__})
    raise ConfigError(place, f"cannot import {name!r}: no {part!r} in {parent.__name__}", known)


def _module(dotted: str, name: str, place: str) -> ModuleType:
    try:
        return importlib.import_module(dotted)
    except ImportError as error:
        expected = "check the name, and that it is installed or lies in the project's folder"
        raise ConfigError(place, f"cannot import {name!r}: {error}", expected) from error


def _check(signature: inspect.Signature, arguments: dict[str, Any], place: str) -> None:
    try:
        signature.bind(**arguments)
    except TypeError as error:
        unknown = [key for key in arguments if key not in signature.parameters]
        expected = nearest(unknown[0], signature.parameters) if unknown else "add it"
        found = f"no argument {unknown[0]!r}" if unknown else str(error)
        raise ConfigError(place, found, expected) from None
