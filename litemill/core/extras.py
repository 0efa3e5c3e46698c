"""Packages that only some commands need, and that `pip install litemill` leaves out.

pyproject.toml has them as extras: one name for each of these, and what it stands for.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType

from litemill.core.errors import ConfigError

# Module that is imported -> the extra that installs it.
EXTRAS = MappingProxyType(
    {"model_explorer": "explore", "optuna": "search", "pyarrow": "parquet", "ray": "ray"}
)


def is_installed(module: str) -> bool:
    """Return whether an optional module can be imported."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def require(module: str, place: object, other: str = "") -> None:
    """Refuse what takes an optional module where that is not installed.

    Args:
        module: one of `EXTRAS`.
        place: the option that needs it.
        other: what to do instead, if anything.

    Raises:
        ConfigError: it is not installed; names the extra.
    """
    if not is_installed(module):
        raise ConfigError(place, f"{module} is not installed", f"{install(module)}{other}")


def install(module: str) -> str:
    """Return the command that installs an optional module."""
    return f"`pip install 'litemill[{EXTRAS[module]}]'`"
