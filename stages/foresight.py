"""What a later stage would refuse, told before hours of training: train asks this first.

Nothing here changes what train writes, so the parameters that are looked at are no dependencies of
its: an edit that comes after training is told by the stage that it concerns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import LitemillError, SeveralErrors
from stages.express import too_few
from stages.files import read_json
from stages.recipes import calibrated
from stages.run import section
from stages.schema.variant import CALIBRATED, Optimization
from stages.watched import layers, refuse_unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stages.schema.train import Train


def before_training(options: Train) -> None:
    """Refuse code that DVC does not watch, and variants that could not be calibrated.

    Raises:
        SeveralErrors: one line for each.
    """
    refuse_calibration()
    refuse_unwatched("train", _calls(options))


def _calls(options: Train) -> Iterator[tuple[str, dict[str, Any] | None]]:
    model, fit = options.model, options.fit
    yield "model.build", model.build
    yield "model.function", model.function
    yield from (("model.custom_objects", layers(module)) for module in model.custom_objects)
    if fit:
        yield "train.optimizer", fit.optimizer
        yield "train.loss", fit.loss


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
        takes = Optimization[variant["optimization"]] in CALIBRATED or calibrated(variant["recipe"])
        if takes and asked > count:
            yield too_few(asked, count, f"variants.{name}.calibration.samples")


def _refuse(errors: Iterable[LitemillError]) -> None:
    if found := list(errors):
        raise SeveralErrors(found)
