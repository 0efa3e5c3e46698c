"""The resolved parameters: build/params.json, which configure writes and every stage reads."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from litemill.core.errors import ConfigError
from litemill.core.files import write_text

PARAMS = Path("build/params.json")
T = TypeVar("T")


def parameters(schema: type[T], *keys: str, path: Path = PARAMS) -> T:
    """Read one section of the resolved parameters as its dataclass.

    configure has checked every value against the same dataclass, so nothing is checked again here;
    OmegaConf, which could do both, takes longer to import than most stages have to work.

    Raises:
        ConfigError: the file or the section is missing.
    """
    return as_dataclass(schema, section(*keys, path=path))


def section(*keys: str, path: Path = PARAMS) -> Any:
    """Read one section of the resolved parameters, such as `section("convert", "int8")`.

    Raises:
        ConfigError: the file or the section is missing.
    """
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(path, "no such file", "run `dvc repro configure` first") from None
    except ValueError as error:
        raise ConfigError(path, f"not JSON ({error})", "run `dvc repro configure` first") from None
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise ConfigError(path, f"no key {'.'.join(keys)}", "run `dvc repro configure` first")
        value = value[key]
    return value


def written_sections(path: Path = PARAMS) -> dict[str, Any] | None:
    """Return the sections that were written last; None where there are none, or a damaged file."""
    try:
        sections = section(path=path)
    except ConfigError:
        return None
    return sections if isinstance(sections, dict) else None


def to_json(sections: dict[str, Any]) -> str:
    """Return the resolved parameters as build/params.json holds them."""
    return json.dumps(sections, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_parameters(sections: dict[str, Any], path: Path = PARAMS) -> None:
    """Write the resolved parameters."""
    write_text(path, to_json(sections))


def to_plain(value: Any) -> Any:
    """Convert a dataclass to what build/params.json holds: mappings, lists, names of choices."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, list) else value


def as_dataclass(schema: type[T], values: dict[str, Any]) -> T:
    """Convert one section of the resolved parameters to its dataclass."""
    hints = get_type_hints(schema)
    return schema(**{name: _as_type(hints[name], value) for name, value in values.items()})


def _as_type(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is types.UnionType:  # such as `Metric | None`
        hint = get_args(hint)[0]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return as_dataclass(hint, value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint[value]
    return value
