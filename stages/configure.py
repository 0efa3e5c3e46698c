"""Compose and check the whole configuration, once: `python -m stages.configure`.

Hydra composes conf/ with the choices of params.yaml; everything is checked before anything is
trained; what each stage depends on goes to a section of its own in build/params.yaml.
"""

from __future__ import annotations

import enum
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stages import checks, express, targets, toolchain
from stages.compose import Composed, compose
from stages.conform import faults, typed
from stages.errors import ConfigError, LitemillError, SeveralErrors, nearest
from stages.files import write_text
from stages.run import PARAMS, run
from stages.schema.config import Config, Data
from stages.schema.package import Release
from stages.schema.prepare import Prepare, Task
from stages.schema.train import Model, Train
from stages.schema.validate import Validate
from stages.watched import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = """\
# Written by `dvc repro configure` from conf/ and params.yaml; do not edit. Committed, so that a
# review shows what a change really means.
"""


def configure(root: Path) -> dict[str, Any]:
    """Give the resolved parameters of every stage, from the project in `root`.

    Raises:
        LitemillError: anything is wrong; one line for each fault found.
    """
    composed = compose(root)
    found = faults(composed.tree, Config, composed.place)
    if found:
        raise SeveralErrors(found)
    config: Config = typed(composed.tree, Config)
    versions = _collect(
        found, lambda: toolchain.pinned(root / "requirements.lock", config.toolchain.allow)
    )
    found += list(_wrong(config, composed, root))
    if found:
        raise SeveralErrors(found)
    return _sections(config, composed.choices, versions)


def _sections(
    config: Config, choices: dict[str, str], versions: dict[str, dict[str, str]]
) -> dict[str, Any]:
    data, model, task = config.data, config.model, config.data.task.name
    convert = {name: asdict(variant) for name, variant in config.variants.items()}
    limits = {name: {**config.limits, **options.pop("limits")} for name, options in convert.items()}
    release = Release(
        name=config.release.name or choices["model"],
        version=config.release.version,
        description=model.description,
        intended_use=model.intended_use,
        license=model.license,
        golden_samples=config.release.golden_samples,
    )
    measuring = Validate(**asdict(config.validate), task=task, metric=data.metric)
    sections = {
        "prepare": asdict(Prepare(load=data.load, task=data.task, split=data.split)),
        "train": asdict(Train(model=Model(model.build), fit=config.train, task=task)),
        "export": asdict(config.export),
        "convert": convert,
        "validate": asdict(measuring),
        "report": {"title": release.name, "variants": list(config.variants)},
        "limits": limits,
        "release": asdict(release),
        "numerics": asdict(config.numerics),
        "toolchain": versions,
    }
    return {name: _words(section) for name, section in sections.items()}


def _words(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, dict):
        return {key: _words(item) for key, item in value.items()}
    return [_words(item) for item in value] if isinstance(value, list) else value


def _wrong(config: Config, composed: Composed, root: Path) -> Iterator[LitemillError]:
    for kind in ("model", "data"):
        folder = f"{kind}s" if kind == "model" else kind
        if not (root / folder / composed.choices[kind]).exists():
            place = f"{folder}/{composed.choices[kind]}"
            told = f"expected what conf/{kind}/{composed.choices[kind]}.yaml reads: code or files"
            yield ConfigError(place, "no such folder", told)
    yield from _wrong_numbers(config, composed.place)
    yield from _wrong_targets(config, composed, root)
    yield from _wrong_metric(config.data, composed.place)
    for name, variant in config.variants.items():
        for option, told in express.refusals(variant).items():
            yield ConfigError(composed.place(f"variants.{name}.{option}"), told)
        yield from _wrong_limits(variant.limits, composed.place, f"variants.{name}.limits")
    yield from _wrong_limits(config.limits, composed.place, "limits")


def _wrong_numbers(config: Config, place: Callable[[str], str]) -> Iterator[LitemillError]:
    least = {
        "train.epochs": (config.train.epochs, 1),
        "train.batch_size": (config.train.batch_size, 1),
        "export.batch_size": (config.export.batch_size, 1),
        "validate.batch_size": (config.validate.batch_size, 1),
        "validate.threads": (config.validate.threads, 1),
        "numerics.threads": (config.numerics.threads, 0),
    }
    for path, (value, bound) in least.items():
        if value < bound:
            yield ConfigError(place(path), f"found {value}", f"expected at least {bound}")
    if not 0 <= config.train.validation < 1:
        told = f"found {config.train.validation}"
        yield ConfigError(place("train.validation"), told, "expected a share from 0 to below 1")
    for name in ("train", "calibration", "evaluation"):
        share = getattr(config.data.split, name)
        if share <= 0:
            yield ConfigError(
                place(f"data.split.{name}"), f"found {share:g}", "expected more than 0"
            )


def _wrong_limits(
    limits: dict[str, Any], place: Callable[[str], str], path: str
) -> Iterator[LitemillError]:
    for name, limit in limits.items():
        here = place(f"{path}.{name}")
        if name not in checks.known():
            yield ConfigError(here, "unknown check", nearest(name, checks.known()))
        elif limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
            yield ConfigError(here, f"found {limit!r}", "expected a number, or null for no limit")


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


def _collect(errors: list[LitemillError], call: Callable[[], Any]) -> Any:
    try:
        return call()
    except SeveralErrors as several:
        errors += several.errors
    except LitemillError as error:
        errors.append(error)
    return None


def write(sections: dict[str, Any], path: Path = PARAMS) -> None:
    """Write the resolved parameters."""
    text = yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, HEADER + text)


def main() -> None:
    """Write build/params.yaml."""
    write(configure(Path.cwd()))


if __name__ == "__main__":
    run(main)
