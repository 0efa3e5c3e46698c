"""Resolve the variant to improve, as conf/ has it now, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litemill.config.compose import compose
from litemill.config.parameters import as_dataclass
from litemill.config.schema.variant import Variant
from litemill.core.errors import ConfigError, nearest
from litemill.pipeline.configure import configure

if TYPE_CHECKING:
    from pathlib import Path

# Latencies are measured on devices, and these files were never there.
NOT_JUDGED = ("latency_ms",)


@dataclass(frozen=True)
class ImprovedVariant:
    """A variant of params.yaml, resolved."""

    name: str
    variant: Variant
    limits: dict[str, Any]  # by check: its own over the common ones
    own_limits: dict[str, Any]  # its own alone

    def with_metric_drop(self, drop: float | None) -> ImprovedVariant:
        """Return it with another limit of the metric's drop; None leaves the limit."""
        if drop is None:
            return self
        limit = {"metric_drop": drop}
        return replace(self, limits=self.limits | limit, own_limits=self.own_limits | limit)

    @property
    def judged_limits(self) -> dict[str, Any]:
        """The limits that can be judged without a device."""
        return {name: limit for name, limit in self.limits.items() if name not in NOT_JUDGED}


def resolve_variant(name: str, root: Path) -> ImprovedVariant:
    """Resolve a variant of params.yaml.

    Raises:
        LitemillError: there is none of that name, or the configuration is faulty.
    """
    sections = configure(root)
    known = sections["convert"]
    if name not in known:
        place = "params.yaml: variants"
        raise ConfigError(place, f"no variant {name!r}", nearest(name, list(known)))
    own = compose(root).tree["variants"][name].get("limits") or {}
    variant: Variant = as_dataclass(Variant, known[name])
    return ImprovedVariant(name, variant, sections["limits"][name], dict(own))
