"""Whether the task's metric can be had of a model: asked before it is trained or exported.

It changes nothing that train and export write, so that the metric is no dependency of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stages.errors import ConfigError, nearest
from stages.run import section

if TYPE_CHECKING:
    from collections.abc import Iterable


def asked() -> dict[str, Any] | None:
    """Give the task's metric as validate will be asked for it; None if there is none."""
    found: dict[str, Any] | None = section("validate", "metric")
    return found


def refuse(metric: dict[str, Any] | None, outputs: Iterable[str]) -> None:
    """Refuse a metric of an output that the model has not, or of any of several.

    Raises:
        ConfigError: with the outputs that there are.
    """
    names = sorted(outputs)
    name = metric["output"] if metric else None
    if metric is None or name in names or (name is None and len(names) == 1):
        return
    if name is None:
        told = f"null, and the model gives {', '.join(names)}"
        raise ConfigError("data.metric.output", told, "expected one of them")
    told = f"the model gives no {name!r}"
    raise ConfigError("data.metric.output", told, nearest(name, names))
