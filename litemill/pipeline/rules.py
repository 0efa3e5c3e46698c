"""Rules for a configuration beyond its types: numbers, names, files, combinations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from litemill.config import release_name
from litemill.config.numerics_rules import numerics_errors
from litemill.config.schema.prepare import Task
from litemill.config.schema.validate import KERNELS
from litemill.config.schema.variant import Selection
from litemill.config.target_check import check_target
from litemill.conversion import option_conflicts
from litemill.core.errors import ConfigError, LitemillError, collect_errors, nearest
from litemill.evaluation import checks
from litemill.pipeline.domain_rules import domain_errors
from litemill.pipeline.limit_rules import limit_errors
from litemill.pipeline.model_rules import model_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config, Data, VariantChoice
    from litemill.config.schema.prepare import Split

    Place = Callable[[str], str]

ROUNDING = 1e-9  # of a sum of shares


def rule_errors(
    config: Config, composed: Composed, root: Path, wrong: Collection[str] = ()
) -> Iterator[LitemillError]:
    """List the errors of a configuration whose keys and types are right.

    Args:
        config: the configuration; of `variants`, those without errors.
        composed: where each key came from.
        root: the project.
        wrong: paths of keys that are wrong in themselves; what depends on them is not judged.
    """
    faulty, place = {path.partition(".")[0] for path in wrong}, composed.place
    yield from _folder_errors(composed, root)
    if not {"model", "export"} & faulty:
        yield from model_errors(config, composed, root)
    yield from domain_errors(config, place, wrong)
    yield from _share_errors(config, place, wrong)
    yield from numerics_errors(config.numerics, place, wrong)
    yield from _target_errors(config, composed, root, faulty)
    if "validate" not in faulty:
        yield from _kernel_errors(config.validate.kernels, place("validate.kernels"))
    if "data" not in faulty:
        yield from _metric_errors(config.data, place)
    yield from _limit_errors(config, place, root, faulty)
    if "release" not in faulty:
        yield from _release_errors(config, composed)
    for name, variant in config.variants.items():
        data = None if "data" in faulty else config.data
        yield from _variant_errors(f"variants.{name}", variant, data, place)


def _folder_errors(composed: Composed, root: Path) -> Iterator[LitemillError]:
    for group, folder in (("model", "models"), ("data", "data")):
        choice = composed.choices[group]
        if not (root / folder / choice).exists():
            expected = f"expected what conf/{group}/{choice}.yaml reads: code or files"
            yield ConfigError(f"{folder}/{choice}", "no such folder", expected)


def _share_errors(config: Config, place: Place, wrong: Collection[str]) -> Iterator[LitemillError]:
    validation = config.train.validation
    if "train.validation" not in wrong and not 0 <= validation < 1:
        expected = "expected a share from 0 to below 1"
        yield ConfigError(place("train.validation"), f"found {validation}", expected)
    for name in ("train", "calibration", "evaluation"):
        share = getattr(config.data.split, name)
        path = f"data.split.{name}"
        if path not in wrong and not 0 < share < math.inf:
            yield ConfigError(place(path), f"found {share:g}", "expected more than 0")
    if not any(path.startswith("data.split") for path in wrong):
        yield from _sum_errors(config.data.split, place("data.split"))


def _sum_errors(split: Split, place: str) -> Iterator[LitemillError]:
    """List the error of shares that add up to more than all samples."""
    shares = [split.train, split.calibration, split.evaluation]
    total = math.fsum(share for share in shares if 0 < share < 1)
    if total > 1 + ROUNDING:
        found = f"shares that add up to {total:g}"
        yield ConfigError(place, found, "expected at most 1")


def _release_errors(config: Config, composed: Composed) -> Iterator[LitemillError]:
    version = config.release.version
    name = config.release.name or composed.choices["model"]
    if not release_name.is_release_version(version):
        place = composed.place("release.version")
        yield ConfigError(place, f"found {version!r}", release_name.VERSIONS)
    if not release_name.is_release_name(name):
        yield ConfigError(composed.place("release.name"), f"found {name!r}", release_name.NAMES)


def _kernel_errors(kernels: list[str], place: str) -> Iterator[LitemillError]:
    for name in kernels:
        if kernels.count(name) > 1:
            yield ConfigError(place, f"{name!r} is there twice", "expected each once")
            return
        if name not in KERNELS:
            yield ConfigError(place, f"no kernels {name!r}", nearest(name, KERNELS))
    if "default" not in kernels:
        found = f"found {', '.join(map(repr, kernels)) or 'none'}"
        yield ConfigError(place, found, "expected 'default' among them")


def _limit_errors(
    config: Config, place: Place, root: Path, faulty: Collection[str]
) -> Iterator[LitemillError]:
    errors: list[LitemillError] = []
    known = collect_errors(errors, checks.check_names, root)
    yield from errors
    metric = None if "data" in faulty else config.data.metric
    if known is None:
        return  # without the project's own checks, no limit can be judged
    if "limits" not in faulty:
        yield from limit_errors(config.limits, place, "limits", known, metric)
    for name, variant in config.variants.items():
        yield from limit_errors(variant.limits, place, f"variants.{name}.limits", known, metric)
    for name, target in config.targets.items():
        limits = target.get("limits") if isinstance(target, dict) else None
        if isinstance(limits, dict):
            yield from limit_errors(limits, place, f"targets.{name}.limits", known, metric)


def _variant_errors(
    path: str, variant: VariantChoice, data: Data | None, place: Place
) -> Iterator[LitemillError]:
    yield from option_conflicts.conflicts(variant, lambda option: place(f"{path}.{option}"))
    if data is not None and option_conflicts.needs_calibration(variant):
        yield from _calibration_errors(f"{path}.calibration", variant, data, place)


def _calibration_errors(
    path: str, variant: VariantChoice, data: Data, place: Place
) -> Iterator[LitemillError]:
    calibration, share = variant.calibration, data.split.calibration
    if calibration.selection is Selection.stratified and data.task is not Task.classification:
        found = f"{Selection.stratified.name} for the task {data.task.name}, which has no classes"
        others = ", ".join(each.name for each in Selection if each is not Selection.stratified)
        yield ConfigError(place(f"{path}.selection"), found, f"expected one of: {others}")
    if 1 <= share < calibration.samples:
        where = place(f"{path}.samples")
        yield option_conflicts.too_few_samples(calibration.samples, share, where)


def _metric_errors(data: Data, place: Place) -> Iterator[LitemillError]:
    if data.task is Task.none and data.metric is not None:
        found = "a metric for a task without targets"
        yield ConfigError(place("data.metric"), found, "expected null")


def _target_errors(
    config: Config, composed: Composed, root: Path, faulty: Collection[str]
) -> Iterator[LitemillError]:
    errors: list[LitemillError] = []
    for path, call in config.calls().items():
        if path.partition(".")[0] not in faulty:
            place = composed.place(f"{path}._target_")
            collect_errors(errors, check_target, call.get("_target_"), place, root)
    yield from errors
