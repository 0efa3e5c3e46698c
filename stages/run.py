"""How a stage starts and ends: its parameters, its toolchain, its exit status.

Exit status: 0 done, 1 failed for a reason told in one line (or, for a bug, with a traceback),
130 interrupted.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import yaml

from stages.errors import ConfigError, LitemillError, SeveralErrors, as_line

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMS = Path("build/params.yaml")
T = TypeVar("T")


def run(main: Callable[[], None]) -> NoReturn:
    """Call `main` and exit: no traceback for what a user can mend, a full one for what we must."""
    try:
        main()
    except LitemillError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        # A full disk, a missing permission: the user's to mend, and the message names the file.
        print(f"{as_line(error)}; nothing was replaced", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def parameters(schema: type[T], *keys: str, path: Path = PARAMS) -> T:
    """Give one section of the resolved parameters as its dataclass.

    configure has checked every value against the same dataclass, so nothing is checked again here;
    OmegaConf, which could do both, takes longer to import than most stages have to work.

    Raises:
        ConfigError: the file or the section is missing.
    """
    return as_dataclass(schema, section(*keys, path=path))


def section(*keys: str, path: Path = PARAMS) -> Any:
    """Give one section of the resolved parameters, such as `section("convert", "int8")`.

    Raises:
        ConfigError: the file or the section is missing.
    """
    try:
        # The C loader is ten times faster; it is always in the wheels.
        found = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except FileNotFoundError:
        raise ConfigError(path, "no such file", "run `dvc repro configure` first") from None
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            raise ConfigError(path, f"no key {'.'.join(keys)}", "run `dvc repro configure` first")
        found = found[key]
    return found


def words(value: Any) -> Any:
    """Give a dataclass as build/params.yaml holds it: mappings, lists, and names for choices."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, dict):
        return {key: words(item) for key, item in value.items()}
    return [words(item) for item in value] if isinstance(value, list) else value


def refuse_other_toolchain(stage: str) -> None:
    """Refuse to run a stage in another environment than its parameters were resolved for.

    Raises:
        SeveralErrors: packages of other versions than requirements.lock pins.
    """
    from stages.toolchain import differences

    pinned = (section() or {}).get("toolchain", {})
    if found := differences(pinned.get(stage, {})):
        raise SeveralErrors(found)


def as_dataclass(schema: type[T], values: dict[str, Any]) -> T:
    """Give one section of the resolved parameters, already read, as its dataclass."""
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
