"""A plain tree checked against its dataclass: every unknown key, wrong type and missing value."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import types
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from litemill.config.schema import MISSING
from litemill.core.errors import ConfigError, ErrorGroup, LitemillError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def schema_errors(
    tree: Any, schema: Any, place: Callable[[str], str], path: str = ""
) -> list[LitemillError]:
    """List everything in `tree` that `schema`, a dataclass, does not allow.

    OmegaConf tests each value; it stops at its first error, so it gets value by value.

    Args:
        tree: nested mappings, as composed.
        schema: the dataclass of this level.
        place: names the file and key of a dotted path.
        path: where `tree` stands in the whole.
    """
    if not isinstance(tree, dict):
        return [ConfigError(place(path), f"found {tree!r}", "expected a mapping of options")]
    hints = get_type_hints(schema)
    errors: list[LitemillError] = [
        ConfigError(place(_join(path, key)), "unknown key", nearest(str(key), hints))
        for key in tree
        if key not in hints
    ]
    for field in dataclasses.fields(schema):
        here, hint = _join(path, field.name), hints[field.name]
        if field.name not in tree and field.default is not MISSING:
            continue
        value = tree.get(field.name, MISSING)
        inner = _dataclass(hint)
        if value == MISSING:
            errors.append(ConfigError(place(here), "missing", f"expected {_expected(hint)}"))
        elif inner and get_origin(hint) is dict and isinstance(value, dict):
            for key, entry in value.items():
                errors += schema_errors(entry, inner, place, _join(here, key))
        elif inner and get_origin(hint) is not dict and not (value is None and _optional(hint)):
            errors += schema_errors(value, inner, place, here)
        elif not _accepts(schema, field.name, hint, value):
            expected = _expected(hint, value)
            expected = expected if "?" in expected else f"expected {expected}"
            errors.append(ConfigError(place(here), f"found {value!r}", expected))
    return errors


def typed(tree: dict[str, Any], schema: type[T]) -> T:
    """Convert a tree without errors to an instance of its dataclass."""
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), tree))  # type: ignore[return-value]


def checked(tree: dict[str, Any], schema: type[T], place: str) -> T:
    """Convert a tree to an instance of its dataclass.

    Raises:
        ErrorGroup: everything in the tree that the dataclass does not allow.
    """
    if wrong := schema_errors(tree, schema, lambda path: f"{place}: {path}"):
        raise ErrorGroup(wrong)
    return typed(tree, schema)


def typed_without(tree: dict[str, Any], schema: Any, wrong: list[str]) -> Any:
    """Convert a tree to its dataclass, with defaults in the place of the keys that are wrong.

    Args:
        tree: nested mappings; not changed.
        schema: the dataclass.
        wrong: dotted paths of keys with errors. Of a mapping of dataclasses, the entries that have
            some are left out.
    """
    kept: dict[str, Any] = {}
    for name, hint in get_type_hints(schema).items():
        inner, section = _dataclass(hint), tree.get(name)
        if inner and get_origin(hint) is dict and isinstance(section, dict):
            below = {path.split(".")[1] for path in wrong if path.startswith(f"{name}.")}
            kept[name] = {k: typed(v, inner) for k, v in section.items() if k not in below}
        elif inner and isinstance(section, dict):
            # Without a key that has to be set there is nothing to judge.
            with contextlib.suppress(OmegaConfBaseException):
                kept[name] = typed(_without(section, wrong, name), inner)
        elif section is not None and name not in wrong:
            kept[name] = section
    return schema(**kept)


def _without(tree: dict[str, Any], wrong: list[str], path: str) -> dict[str, Any]:
    return {
        key: _without(value, wrong, _join(path, key)) if isinstance(value, dict) else value
        for key, value in tree.items()
        if _join(path, key) not in wrong
    }


def _accepts(schema: Any, name: str, hint: Any, value: object) -> bool:
    if _is_enum(hint):
        # OmegaConf would also take an enumeration's number.
        return isinstance(value, str) and value in hint.__members__
    if hint is bool:
        return isinstance(value, bool)  # nor any other number
    try:
        OmegaConf.merge(OmegaConf.structured(schema), {name: value})
    except OmegaConfBaseException:
        return False
    return True


def _dataclass(hint: Any) -> Any:
    parts = (hint, *get_args(hint))
    return next((part for part in parts if dataclasses.is_dataclass(part)), None)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _expected(hint: Any, value: object = None) -> str:
    if _is_enum(hint):
        known = hint.__members__
        if value is None:
            return f"one of: {', '.join(known)}"
        return nearest(str(value), known).removeprefix("expected ")
    if _optional(hint):
        rest = [part for part in get_args(hint) if part is not type(None)]
        return f"{_expected(rest[0], value)} or null"
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(hint) or {dict: "a mapping", list: "a list"}.get(get_origin(hint), str(hint))


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
