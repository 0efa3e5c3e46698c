"""The code and the files that a configuration reaches, beside those that every project has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config import import_graph
from litemill.evaluation.own_checks import FOLDER, own_modules
from litemill.pipeline.code_digest import Reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.config.compose import Composed
    from litemill.config.schema.config import Config


def places_reached(config: Config, composed: Composed, root: Path) -> Iterator[tuple[str, Path]]:
    """List the project's code and files that a configuration reaches, each with its place."""
    for place, dotted in _targets(config):
        file = import_graph.module_file(dotted, root)
        for path in sorted(import_graph.closure(file, root)) if file else ():
            if import_graph.has_code(path, root):
                yield composed.place(place), path
    for place, name in _paths(config):
        if not place.startswith("targets.") or (root / name).exists():  # or it comes with Vela
            yield composed.place(place), root / name
    if own_modules(root):
        yield FOLDER, root / FOLDER


def _targets(config: Config) -> Iterator[tuple[str, str]]:
    for path, call in config.calls().items():
        yield f"{path}._target_", str(call["_target_"])
    # A module, as if one of its layers were called.
    yield from (("model.custom_objects", f"{module}.x") for module in config.model.custom_objects)


def _paths(config: Config) -> Iterator[tuple[str, str]]:
    if "path" in config.data.load:
        yield "data.load.path", str(config.data.load["path"])
    if config.model.file is not None:
        yield "model.file", config.model.file
    for name, target in config.targets.items():
        if isinstance(target, dict) and "vela_config" in target:
            yield f"targets.{name}.vela_config", str(target["vela_config"])


def reached(
    sections: Mapping[str, Any], choices: Mapping[str, str], root: Path = Path()
) -> dict[str, Reached]:
    """Return what the configuration, and a project's own checks, add to each stage's own code."""
    train = sections["train"]
    model, fit, load = train["model"], train["fit"] or {}, sections["prepare"]["load"]
    calls = [model["build"], model["function"], fit.get("optimizer"), fit.get("loss")]
    trains = [str(call["_target_"]) for call in calls if call]
    trains += [f"{module}.x" for module in model["custom_objects"]]
    metric = sections["validate"]["metric"]
    scores = [str(metric["score"]["_target_"])] if metric else []
    data, models = f"data/{choices['data']}", f"models/{choices['model']}"
    return {
        "prepare": Reached(
            [str(load["_target_"])],
            [
                data,
                *(str(load[key]) for key in ("path", "classes") if isinstance(load.get(key), str)),
            ],
        ),
        "train": Reached(trains, [models, *([model["file"]] if model["file"] else [])]),
        "validate": Reached(scores),
        "report": Reached([f"{module}.x" for module in own_modules(root)]),
        "compile": Reached(paths=_vela_configs(sections)),
        "sweep": Reached(scores),
    }


def _vela_configs(sections: Mapping[str, Any]) -> list[str]:
    """List the descriptions of systems; those that come with Vela are no files of the project."""
    return sorted({target["options"]["vela_config"] for target in sections["compile"].values()})
