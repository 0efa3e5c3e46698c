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
    for place, name in [*_paths(config), *_arguments(config, root)]:
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


def _arguments(config: Config, root: Path) -> Iterator[tuple[str, str]]:
    for place, call in config.calls().items():
        yield from ((f"{place}.{key}", name) for key, name in _argument_paths(call, root))


def _argument_paths(call: Mapping[str, Any], root: Path) -> Iterator[tuple[str, str]]:
    """Find the arguments of a call that name a file of the project, or a folder by its path."""
    for key, value in call.items():
        if isinstance(value, str) and value and not key.startswith("_") and "\0" not in value:
            path = root / value
            if path.is_file() or ("/" in value and path.is_dir()):
                yield key, value


def reached(
    sections: Mapping[str, Any], choices: Mapping[str, str], root: Path = Path()
) -> dict[str, Reached]:
    """Return what the configuration, and a project's own checks, add to each stage's own code."""
    train = sections["train"]
    model, fit, load = train["model"], train["fit"] or {}, sections["prepare"]["load"]
    calls = [model["build"], model["function"], fit.get("optimizer"), fit.get("loss")]
    calls = [call for call in calls if call]
    trains = [str(call["_target_"]) for call in calls]
    trains += [f"{module}.x" for module in model["custom_objects"]]
    metric = sections["validate"]["metric"]
    score = metric["score"] if metric else {}
    scores = [str(score["_target_"])] if score else []

    def files(*calls: Mapping[str, Any]) -> list[str]:
        return [name for call in calls for _, name in _argument_paths(call, root)]

    data, models = f"data/{choices['data']}", f"models/{choices['model']}"
    return {
        "prepare": Reached(
            [str(load["_target_"])],
            [data, *([load["path"]] if "path" in load else []), *files(load)],
        ),
        "train": Reached(
            trains, [models, *([model["file"]] if model["file"] else []), *files(*calls)]
        ),
        "validate": Reached(scores, files(score)),
        "report": Reached([f"{module}.x" for module in own_modules(root)]),
        "compile": Reached(paths=_vela_configs(sections)),
        "sweep": Reached(scores, files(score)),
    }


def _vela_configs(sections: Mapping[str, Any]) -> list[str]:
    """List the descriptions of systems; those that come with Vela are no files of the project."""
    return sorted({target["options"]["vela_config"] for target in sections["compile"].values()})
