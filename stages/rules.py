"""The rules that a configuration keeps beyond its types: numbers, names, files, combinations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import checks, express, recipes, targets
from stages.errors import ConfigError, LitemillError, nearest
from stages.schema.prepare import Task
from stages.schema.validate import KERNELS
from stages.schema.variant import Pick, Route
from stages.watched import unwatched
from stages.worst import PESSIMISTIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stages.compose import Composed
    from stages.schema.config import Config, Data, VariantChoice
    from stages.schema.numerics import Numerics

LEVELS = 3  # of caches that Eigen knows of


PERCENTILES = ("p50", "p90", "p99", "min")  # of what stages/benchmark.py measures


def broken(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    """Tell all that is wrong with a configuration whose keys and types are right."""
    for kind in ("model", "data"):
        folder = f"{kind}s" if kind == "model" else kind
        if not (root / folder / composed.choices[kind]).exists():
            place = f"{folder}/{composed.choices[kind]}"
            told = f"expected what conf/{kind}/{composed.choices[kind]}.yaml reads: code or files"
            yield ConfigError(place, "no such folder", told)
    yield from _wrong_model(config, composed, root)
    yield from _wrong_numbers(config, composed.place)
    yield from _wrong_numerics(config.numerics, composed.place)
    yield from _wrong_kernels(config.validate.kernels, composed.place("validate.kernels"))
    yield from _wrong_targets(config, composed, root)
    yield from _wrong_metric(config.data, composed.place)
    for name, variant in config.variants.items():
        for option, told in express.refusals(variant).items():
            yield ConfigError(composed.place(f"variants.{name}.{option}"), told)
        yield from _wrong_calibration(name, variant, config.data, composed.place)
        yield from _wrong_limits(variant.limits, composed.place, f"variants.{name}.limits")
    yield from _wrong_limits(config.limits, composed.place, "limits")


def _wrong_numbers(config: Config, place: Callable[[str], str]) -> Iterator[LitemillError]:
    most = config.validate.reference_samples
    least: dict[str, tuple[float, float]] = {
        "train.epochs": (config.train.epochs, 1),
        "train.batch_size": (config.train.batch_size, 1),
        "train.seed": (config.train.seed, 0),
        "data.split.seed": (config.data.split.seed, 0),
        "export.batch_size": (config.export.batch_size, 1),
        "validate.batch_size": (config.validate.batch_size, 1),
        "validate.threads": (config.validate.threads, 1),
        "validate.reference_samples": (1 if most is None else most, 1),
        "validate.layer_samples": (config.validate.layer_samples, 0),
        "validate.seconds": (config.validate.seconds, 1),
        "numerics.threads": (config.numerics.threads, 0),
        "release.golden_samples": (config.release.golden_samples, 0),
    }
    for path, (value, bound) in least.items():
        if value < bound:
            yield ConfigError(place(path), f"found {value:g}", f"expected at least {bound}")
    if not 0 <= config.train.validation < 1:
        told = f"found {config.train.validation}"
        yield ConfigError(place("train.validation"), told, "expected a share from 0 to below 1")
    for name in ("train", "calibration", "evaluation"):
        share = getattr(config.data.split, name)
        if not 0 < share < math.inf:
            yield ConfigError(
                place(f"data.split.{name}"), f"found {share:g}", "expected more than 0"
            )


def _wrong_kernels(asked: list[str], place: str) -> Iterator[LitemillError]:
    for name in asked:
        if name not in KERNELS:
            yield ConfigError(place, f"no kernels {name!r}", nearest(name, KERNELS))
    if "default" not in asked:
        told = f"found {', '.join(map(repr, asked)) or 'none'}"
        yield ConfigError(place, told, "expected 'default' among them")


def _wrong_limits(
    limits: dict[str, Any], place: Callable[[str], str], path: str
) -> Iterator[LitemillError]:
    for name, limit in limits.items():
        here = place(f"{path}.{name}")
        if name == PESSIMISTIC:
            if not isinstance(limit, bool):
                yield ConfigError(here, f"found {limit!r}", "expected true or false")
        elif name not in checks.known():
            yield ConfigError(here, "unknown check", nearest(name, [*checks.known(), PESSIMISTIC]))
        elif name == "latency_ms":
            yield from _wrong_latency(limit, here)
        elif limit is not None and not _number(limit):
            yield ConfigError(here, f"found {limit!r}", "expected a number, or null for no limit")


def _wrong_numerics(numerics: Numerics, place: Callable[[str], str]) -> Iterator[LitemillError]:
    sizes = numerics.cache_sizes
    if sizes is not None and (len(sizes) != LEVELS or sizes != sorted(sizes) or sizes[0] < 1):
        expected = f"expected the bytes of {LEVELS} caches, the smallest first, or null"
        yield ConfigError(place("numerics.cache_sizes"), f"found {sizes}", expected)


def _wrong_latency(limit: Any, place: str) -> Iterator[LitemillError]:
    """Machines, and for each what its percentiles may be: `{pixel-7: {p50: 5, threads: 4}}`."""
    told = "expected machines with limits in ms, such as {pixel-7: {p50: 5}}, or null"
    if limit is None:
        return
    if not isinstance(limit, dict) or not all(isinstance(one, dict) for one in limit.values()):
        yield ConfigError(place, f"found {limit!r}", told)
        return
    for machine, asked in limit.items():
        for name, value in asked.items():
            if name not in (*PERCENTILES, "threads"):
                yield ConfigError(
                    f"{place}.{machine}", f"no {name!r}", nearest(name, [*PERCENTILES, "threads"])
                )
            elif not _number(value) or value <= 0:
                yield ConfigError(f"{place}.{machine}.{name}", f"found {value!r}", told)
        if not set(PERCENTILES) & set(asked):
            yield ConfigError(f"{place}.{machine}", "no percentile", told)
    if not limit:
        yield ConfigError(place, "found no machine", told)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong_calibration(
    name: str, variant: VariantChoice, data: Data, place: Callable[[str], str]
) -> Iterator[LitemillError]:
    asked, share = variant.calibration, data.split.calibration
    if not (variant.optimization in express.CALIBRATED or recipes.calibrated(variant.recipe)):
        return
    here = f"variants.{name}.calibration"
    if asked.pick is Pick.per_class and data.task is not Task.classification:
        told = f"per_class for the task {data.task.name}, which has no classes"
        yield ConfigError(place(f"{here}.pick"), told, "expected one of: first, random")
    if asked.seed < 0:
        yield ConfigError(place(f"{here}.seed"), f"found {asked.seed}", "expected at least 0")
    if 1 <= share < asked.samples:
        told = f"asks for {asked.samples} of {share:g} samples"
        yield ConfigError(place(f"{here}.samples"), told, "expected no more than the split has")


def _wrong_metric(data: Data, place: Callable[[str], str]) -> Iterator[LitemillError]:
    if data.task is Task.none and data.metric is not None:
        yield ConfigError(
            place("data.metric"), "a metric for a task without targets", "expected null"
        )


def _wrong_targets(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    score = config.data.metric.score if config.data.metric else None
    wanted = [
        ("prepare", "data.load", config.data.load),
        ("train", "model.build", config.model.build),
        ("train", "model.function", config.model.function),
        ("train", "train.optimizer", config.train.optimizer),
        ("train", "train.loss", config.train.loss),
        ("validate", "data.metric.score", score),
    ]
    for stage, path, call in wanted:
        if call is None:
            continue
        place = composed.place(f"{path}._target_")
        try:
            targets.check(call.get("_target_"), place, root)
        except ConfigError as error:
            yield error
        else:
            yield from unwatched(root, stage, call, composed.choices, place)


def _wrong_model(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    """Tell what is wrong with where the model comes from, and with the routes from there."""
    model, place = config.model, composed.place
    given = [k for k in ("build", "file", "function") if getattr(model, k) is not None]
    if len(given) != 1:
        told = " and ".join(given) or "none of them"
        yield ConfigError(place("model"), told, "expected one of: build, file, function")
    if model.file is not None:
        yield from _wrong_file(model.file, composed, root)
    for module in model.custom_objects:
        if targets.module_file(module, root) is None:
            told = f"{module}: no module of that name"
            yield ConfigError(place("model.custom_objects"), told, "expected a dotted name")
        else:
            call, here = {"_target_": f"{module}.x"}, place("model.custom_objects")
            yield from unwatched(root, "train", call, composed.choices, here)
    keras = model.build is not None or str(model.file).endswith((".h5", ".keras"))
    for name, variant in config.variants.items():
        if variant.unroll and not keras:
            told = "true, and the model is no Keras file that could be traced anew"
            yield ConfigError(place(f"variants.{name}.unroll"), told, "expected false")
        if variant.route is Route.keras and not keras:
            told = f"keras, and the model is {'a SavedModel' if model.file else 'a function'}"
            known = "expected one of: saved_model, concrete_function, cli"
            yield ConfigError(place(f"variants.{name}.route"), told, known)
        key = variant.signature or main_signature(config)
        if variant.route in (Route.keras, Route.concrete_function) and key != "serving_default":
            told = f"{variant.route.name}, which names every signature serving_default, not {key}"
            known = "use the route saved_model, which keeps the name"
            yield ConfigError(place(f"variants.{name}.route"), told, known)
        if keras and variant.signature not in (None, main_signature(config)):
            here = place(f"variants.{name}.signature")
            told = f"{variant.signature!r}; a Keras model has one"
            yield ConfigError(here, told, f"expected {main_signature(config)!r} or null")


def _wrong_file(file: str, composed: Composed, root: Path) -> Iterator[LitemillError]:
    here = composed.place("model.file")
    if not (root / file).exists():
        known = (
            [p.name for p in (root / file).parent.glob("*")]
            if (root / file).parent.is_dir()
            else []
        )
        told = nearest(Path(file).name, known) if known else "expected a model below models/"
        yield ConfigError(here, f"{file}: no such file", told)
    elif (root / file).is_file() and not file.endswith((".h5", ".hdf5", ".keras")):
        yield ConfigError(here, file, "expected a .keras or .h5 file, or a SavedModel folder")
    else:
        yield from unwatched(root, "train", {"path": file}, composed.choices, here)


def main_signature(config: Config) -> str:
    """Name the signature that the source model is known by."""
    own = config.model.file is not None and not config.model.file.endswith((".h5", ".keras"))
    return config.model.signature if own or config.model.function else config.export.signature
