"""Rules for single values: each number has a range, each name is one printable line."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, LitemillError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from litemill.config.schema.config import Config

    Place = Callable[[str], str]

SEEDS = (0, 2**32 - 1)  # of NumPy, Python and TensorFlow alike
COUNTS = (1, 10**9)
BATCHES = (1, 10**6)
THREADS = 1024
RANGES: dict[str, tuple[float, float]] = {  # of a number, by its path
    "train.epochs": (1, 10**6),
    "train.batch_size": BATCHES,
    "train.steps_per_execution": BATCHES,
    "train.seed": SEEDS,
    "data.split.seed": SEEDS,
    "export.batch_size": BATCHES,
    "validate.batch_size": BATCHES,
    "validate.threads": (1, THREADS),
    "validate.reference_samples": COUNTS,
    "validate.reference_budget": (0.001, 10**9),
    "validate.layer_samples": (0, 10**9),
    "validate.timeout_seconds": (1, 10**7),
    "numerics.threads": (0, THREADS),
    # A release without any could not be verified on a device.
    "release.golden_samples": (1, 10**6),
}
OF_VARIANT: dict[str, tuple[float, float]] = {
    "calibration.samples": (-math.inf, 10**9),  # from below, option_conflicts knows more
    "calibration.seed": SEEDS,
    "batch": (-math.inf, 10**6),
}
OF_SWEEP: dict[str, tuple[float, float]] = {  # from below, sweep_request holds them
    "seed": (-math.inf, 2**32 - 1),
    "budget": (-math.inf, 10**6),
    "limit": (-math.inf, 10**6),
    "workers": (-math.inf, THREADS),
    "timeout_seconds": (-math.inf, 10**7),
}
NAMES = (  # that end up in tables, files and command lines
    "model.signature",
    "model.description",
    "model.license",
    "model.file",
    "export.signature",
    "release.repository",
    "data.metric.name",
    "data.metric.output",
)


def domain_errors(config: Config, place: Place, wrong: Collection[str]) -> Iterator[LitemillError]:
    """List the numbers out of their range, and the names that are no printable line.

    What is wrong in itself is not judged; `place` names the file and key of a path.
    """
    for path, limits in RANGES.items():
        yield from _number_error(attrgetter(path)(config), path, limits, place, wrong)
    for name, variant in config.variants.items():
        for option, limits in OF_VARIANT.items():
            path = f"variants.{name}.{option}"
            yield from _number_error(attrgetter(option)(variant), path, limits, place, wrong)
        names = [variant.signature, *variant.custom_ops, *variant.float_layers]
        yield from _name_errors(names, f"variants.{name}", place)
    for name, sweep in config.sweeps.items():
        for option, limits in OF_SWEEP.items():
            path = f"sweeps.{name}.{option}"
            yield from _number_error(getattr(sweep, option), path, limits, place, wrong)
    for path in NAMES:
        if path not in wrong and not (config.data.metric is None and "metric" in path):
            yield from _name_errors([attrgetter(path)(config)], path, place)
    if not any(path.startswith("model.") for path in wrong):
        yield from _name_errors(config.model.tags, "model.tags", place)
        yield from _name_errors(config.model.allow_operators, "model.allow_operators", place)


def _number_error(
    value: Any, path: str, limits: tuple[float, float], place: Place, wrong: Collection[str]
) -> Iterator[LitemillError]:
    least, most = limits
    number = isinstance(value, int | float)
    if path in wrong or not number or least <= value <= most:
        return
    expected = f"at least {least:g}" if value < least else f"at most {most:,}"
    yield ConfigError(place(path), f"found {value:g}", f"expected {expected}")


def _name_errors(names: Collection[Any], path: str, place: Place) -> Iterator[LitemillError]:
    for name in names:
        if isinstance(name, str) and not name.isprintable():
            yield ConfigError(place(path), f"found {name!r}", "expected one printable line")
