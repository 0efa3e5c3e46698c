"""What a later stage would refuse, told before hours of training: train asks this first.

Nothing here changes what train writes, so the parameters that are looked at are no dependencies of
its: an edit that comes after training is told by the stage that it concerns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import section
from litemill.config.schema.variant import CALIBRATED, Optimization
from litemill.conversion.option_conflicts import too_few_samples
from litemill.conversion.recipes import recipe_is_calibrated
from litemill.core.errors import ErrorGroup, LitemillError
from litemill.core.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def before_training() -> None:
    """Refuse variants that could not be calibrated.

    Raises:
        SeveralErrors: one line for each.
    """
    refuse_calibration()


def refuse_calibration(data: Path = Path("build/prepare/data.json")) -> None:
    """Refuse variants that ask for more samples than the calibration split has.

    Raises:
        SeveralErrors: one line for each.
    """
    count = read_json(data)["splits"]["calibration"]["samples"]
    _refuse(_too_many(section("convert"), count))


def _too_many(variants: dict[str, Any], count: int) -> Iterator[LitemillError]:
    for name, variant in variants.items():
        asked = variant["calibration"]["samples"]
        takes = Optimization[variant["optimization"]] in CALIBRATED or recipe_is_calibrated(
            variant["recipe"]
        )
        if takes and asked > count:
            yield too_few_samples(asked, count, f"variants.{name}.calibration.samples")


def _refuse(errors: Iterable[LitemillError]) -> None:
    if found := list(errors):
        raise ErrorGroup(found)
