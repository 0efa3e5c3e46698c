"""The rules that a configuration keeps beyond its types: numbers, names, files, combinations."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING

from litemill.config import import_graph, release_name
from litemill.config.numerics_rules import numerics_errors
from litemill.config.schema.prepare import Task
from litemill.config.schema.validate import KERNELS
from litemill.config.schema.variant import Selection
from litemill.conversion import option_conflicts
from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.pipeline.limit_rules import limit_errors
from litemill.pipeline.model_rules import model_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config, Data, VariantChoice

LEAST = {  # that a number may be, by its path
    "train.epochs": 1,
    "train.batch_size": 1,
    "train.steps_per_execution": 1,
    "train.seed": 0,
    "data.split.seed": 0,
    "export.batch_size": 1,
    "validate.batch_size": 1,
    "validate.threads": 1,
    "validate.reference_samples": 1,
    "validate.layer_samples": 0,
    "validate.timeout_seconds": 1,
    "numerics.threads": 0,
    # A release without any could not be verified on a device.
    "release.golden_samples": 1,
}


def rule_errors(
    config: Config, composed: Composed, root: Path, wrong: Collection[str] = ()
) -> Iterator[LitemillError]:
    """Tell all that is wrong with a configuration whose keys and types are right.

    Args:
        config: the configuration; of `variants`, those without faults.
        composed: where each key came from.
        root: the project.
        wrong: paths of keys that are wrong in themselves; nothing is told that depends on them.
    """
    faulty = {path.partition(".")[0] for path in wrong}
    for kind in ("model", "data"):
        folder = f"{kind}s" if kind == "model" else kind
        if not (root / folder / composed.choices[kind]).exists():
            place = f"{folder}/{composed.choices[kind]}"
            told = f"expected what conf/{kind}/{composed.choices[kind]}.yaml reads: code or files"
            yield ConfigError(place, "no such folder", told)
    if "model" not in faulty and "export" not in faulty:
        yield from model_errors(config, composed, root)
    yield from _wrong_numbers(config, composed.place, wrong)
    yield from numerics_errors(config.numerics, composed.place, wrong)
    yield from _wrong_targets(config, composed, root, faulty)
    yield from _wrong_sections(config, composed, faulty)
    for name, variant in config.variants.items():
        for option, told in option_conflicts.conflicts(variant).items():
            yield ConfigError(composed.place(f"variants.{name}.{option}"), told)
        if "data" not in faulty:
            yield from _wrong_calibration(name, variant, config.data, composed.place)
        yield from limit_errors(variant.limits, composed.place, f"variants.{name}.limits")


def _wrong_sections(
    config: Config, composed: Composed, faulty: Collection[str]
) -> Iterator[LitemillError]:
    if "validate" not in faulty:
        yield from _wrong_kernels(config.validate.kernels, composed.place("validate.kernels"))
    if "data" not in faulty:
        yield from _wrong_metric(config.data, composed.place)
    if "limits" not in faulty:
        yield from limit_errors(config.limits, composed.place, "limits")
    if "release" not in faulty:
        yield from _wrong_release(config, composed)


def _wrong_numbers(
    config: Config, place: Callable[[str], str], wrong: Collection[str]
) -> Iterator[LitemillError]:
    for path, bound in LEAST.items():
        value = attrgetter(path)(config)
        if path not in wrong and value is not None and value < bound:
            yield ConfigError(place(path), f"found {value:g}", f"expected at least {bound}")
    yield from _wrong_shares(config, place, wrong)


def _wrong_shares(
    config: Config, place: Callable[[str], str], wrong: Collection[str]
) -> Iterator[LitemillError]:
    if "train.validation" not in wrong and not 0 <= config.train.validation < 1:
        told = f"found {config.train.validation}"
        yield ConfigError(place("train.validation"), told, "expected a share from 0 to below 1")
    for name in ("train", "calibration", "evaluation"):
        share = getattr(config.data.split, name)
        path = f"data.split.{name}"
        if path not in wrong and not 0 < share < math.inf:
            yield ConfigError(place(path), f"found {share:g}", "expected more than 0")


def _wrong_release(config: Config, composed: Composed) -> Iterator[LitemillError]:
    release, place = config.release, composed.place
    if not release_name.is_release_version(release.version):
        told = release_name.VERSIONS
        yield ConfigError(place("release.version"), f"found {release.version!r}", told)
    name = release.name or composed.choices["model"]
    if not release_name.is_release_name(name):
        yield ConfigError(place("release.name"), f"found {name!r}", release_name.NAMES)


def _wrong_kernels(asked: list[str], place: str) -> Iterator[LitemillError]:
    for name in asked:
        if name not in KERNELS:
            yield ConfigError(place, f"no kernels {name!r}", nearest(name, KERNELS))
    if "default" not in asked:
        told = f"found {', '.join(map(repr, asked)) or 'none'}"
        yield ConfigError(place, told, "expected 'default' among them")


def _wrong_calibration(
    name: str, variant: VariantChoice, data: Data, place: Callable[[str], str]
) -> Iterator[LitemillError]:
    asked, share = variant.calibration, data.split.calibration
    if not option_conflicts.needs_calibration(variant):
        return
    here = f"variants.{name}.calibration"
    if asked.selection is Selection.stratified and data.task is not Task.classification:
        told = f"per_class for the task {data.task.name}, which has no classes"
        yield ConfigError(place(f"{here}.selection"), told, "expected one of: first, random")
    if asked.seed < 0:
        yield ConfigError(place(f"{here}.seed"), f"found {asked.seed}", "expected at least 0")
    if 1 <= share < asked.samples:
        yield option_conflicts.too_few_samples(asked.samples, share, place(f"{here}.samples"))


def _wrong_metric(data: Data, place: Callable[[str], str]) -> Iterator[LitemillError]:
    if data.task is Task.none and data.metric is not None:
        yield ConfigError(
            place("data.metric"), "a metric for a task without targets", "expected null"
        )


def _wrong_targets(
    config: Config, composed: Composed, root: Path, faulty: Collection[str]
) -> Iterator[LitemillError]:
    score = config.data.metric.score if config.data.metric else None
    wanted = [
        ("data.load", config.data.load),
        ("model.build", config.model.build),
        ("model.function", config.model.function),
        ("train.optimizer", config.train.optimizer),
        ("train.loss", config.train.loss),
        ("data.metric.score", score),
    ]
    for path, call in wanted:
        if call is None or path.partition(".")[0] in faulty:
            continue
        place = composed.place(f"{path}._target_")
        try:
            import_graph.check_target(call.get("_target_"), place, root)
        except ConfigError as error:
            yield error
