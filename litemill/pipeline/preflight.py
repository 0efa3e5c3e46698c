"""What a later stage would refuse, refused before hours of training.

Nothing here changes what train writes. So train does not depend on the parameters that are read
here: an edit after training is refused by the stage that it concerns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.parameters import section
from litemill.config.schema.variant import CALIBRATED, Optimization
from litemill.conversion.option_conflicts import too_few_samples
from litemill.conversion.recipes import recipe_is_calibrated
from litemill.core.errors import ErrorGroup, LitemillError
from litemill.core.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def refuse_missing_calibration(data: Path) -> None:
    """Refuse variants that need more calibration samples than the split has.

    Raises:
        ErrorGroup: one error for each variant.
    """
    available = read_json(data)["splits"]["calibration"]["samples"]
    if errors := list(_too_few(available)):
        raise ErrorGroup(errors)


def _too_few(available: int) -> Iterator[LitemillError]:
    for name, variant in section("convert").items():
        needed = variant["calibration"]["samples"]
        calibrated = Optimization[variant["optimization"]] in CALIBRATED
        if (calibrated or recipe_is_calibrated(variant["recipe"])) and needed > available:
            yield too_few_samples(needed, available, f"variants.{name}.calibration.samples")
