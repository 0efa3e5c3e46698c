"""Check that the task's metric fits a model's outputs, before it is trained or exported.

It changes nothing that train and export write, so that the metric is no dependency of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.parameters import section
from litemill.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    Shapes = Mapping[str, tuple[int | None, ...] | None]

RANKING = ("litemill.metrics.top1", "litemill.metrics.top_k")  # which take a value for each class


def configured_metric() -> dict[str, Any] | None:
    """Read the metric that validate will compute; None if there is none."""
    metric: dict[str, Any] | None = section("validate", "metric")
    return metric


def check_metric_output(metric: dict[str, Any] | None, outputs: Shapes) -> None:
    """Refuse a metric of a missing output, of an unnamed one of several, or of another kind.

    Args:
        metric: as in build/params.json.
        outputs: the shape [samples, ...] of each output; None is not known.

    Raises:
        ConfigError: with the outputs that there are, or the metric that would do.
    """
    names = sorted(outputs)
    name = metric["output"] if metric else None
    if metric is None:
        return
    if name in names or (name is None and len(names) == 1):
        _refuse_ranking(metric, outputs[name or names[0]])
        return
    if name is None:
        message = f"null, and the model has the outputs {', '.join(names)}"
        raise ConfigError("data.metric.output", message, "expected one of them")
    message = f"the model has no output {name!r}"
    raise ConfigError("data.metric.output", message, nearest(name, names))


def is_single_value(shape: tuple[int | None, ...]) -> bool:
    """Return whether an output [samples, ...] has a single value for each sample."""
    return shape[1:] in ((), (1,))


def _refuse_ranking(metric: dict[str, Any], shape: tuple[int | None, ...] | None) -> None:
    score = (metric.get("score") or {}).get("_target_")
    if score in RANKING and shape is not None and is_single_value(shape):
        message = f"{score}, and the model has a single value for each sample"
        raise ConfigError("data.metric.score", message, "expected litemill.metrics.binary")
