"""What DVC watches: the code and files that a configuration reaches must be dependencies.

dvc.yaml cannot name them: its templates know params.yaml alone, not what conf/ says. So it watches
the folders that are named like the choices (models/<model>/, data/<data>/), and configure refuses
a configuration that reaches further. Otherwise an edit there would rebuild nothing.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stages.errors import ConfigError, SeveralErrors
from stages.imported import STAGES, among, modules
from stages.targets import closure, module_file, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HOMES = {
    "prepare": "data/{data}",
    "train": "models/{model}",
    "validate": "metrics",
    "sweep": "metrics",
}


def unwatched(
    root: Path, stage: str, call: Mapping[str, Any], choices: Mapping[str, str], place: str
) -> Iterator[ConfigError]:
    """Tell which files a `_target_` and its `path` reach that `stage` does not depend on."""
    declared = _declared(root, stage, choices)
    try:
        reached = list(_reached(root, call, place))
    except ConfigError as error:  # code that is no Python
        yield error
        return
    further = [(path, here) for path, here in reached if not _within(path, declared)]
    own = among({path for path, _ in further}, stage, root) if _digested(root, stage) else set()
    for path, here in further:
        if path not in own:
            found = f"reaches {_told(path, root)}, which is no dependency of {stage}"
            home = _HOMES[stage].format_map(choices)
            line = f"`- {_told(path, root)}` among the deps of {stage} in dvc.yaml"
            yield ConfigError(here, found, f"expected it below {home}/, or {line}")


def refuse_unwatched(stage: str, calls: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
    """Refuse code that DVC does not watch: it may have come into it since configure has run.

    A stage that is run in a folder without a pipeline is watched by nobody, and refuses nothing.

    Args:
        stage: the stage of dvc.yaml that is about to run the code.
        calls: what has a `_target_`, each with its place in the configuration.

    Raises:
        SeveralErrors: one line for each file.
    """
    if not Path("dvc.yaml").exists():
        return
    chosen = yaml.load(Path("params.yaml").read_bytes(), yaml.CSafeLoader)
    choices = {group: str(name) for group, name in chosen.items() if isinstance(name, str)}
    errors = [
        error
        for place, call in calls
        if call
        for error in unwatched(Path.cwd(), stage, call, choices, place)
    ]
    if errors:
        raise SeveralErrors(errors)


def dependencies(root: Path, stage: str, choices: Mapping[str, str]) -> list[Path]:
    """List what a stage of dvc.yaml depends on, with the choices of params.yaml filled in.

    Its own modules too, of which dvc.yaml names the digest only.
    """
    own = modules(stage, root) if _digested(root, stage) else []
    return [*_declared(root, stage, choices), *own]


def _declared(root: Path, stage: str, choices: Mapping[str, str]) -> list[Path]:
    stages = yaml.load((root / "dvc.yaml").read_bytes(), yaml.CSafeLoader)["stages"]
    names = [str(name) for name in stages[stage]["deps"]]
    for group, choice in choices.items():
        names = [name.replace(f"${{{group}}}", choice) for name in names]
    return [(root / name).resolve() for name in names]


def _digested(root: Path, stage: str) -> bool:
    return stage in STAGES and (root / "stages" / f"{stage}.py").exists()


def _within(path: Path, known: list[Path]) -> bool:
    return any(path.is_relative_to(one) for one in known)


def layers(module: str) -> dict[str, Any]:
    """Give a module of custom layers as if one of them were called."""
    return {"_target_": f"{module}.x"}


def _reached(root: Path, call: Mapping[str, Any], place: str) -> Iterator[tuple[Path, str]]:
    file = module_file(str(call["_target_"]), root) if "_target_" in call else None
    if file and file.suffix == ".py" and not _installed(file):
        files = closure(file, root) or {file}
        yield from ((path.resolve(), place) for path in sorted(files) if _code(path, root))
    if "path" in call:
        yield (root / str(call["path"])).resolve(), place.replace("._target_", ".path")


def _installed(file: Path) -> bool:
    # An installed package is pinned by requirements.lock; the standard library by Python's version.
    return "site-packages" in file.parts or f"python{'.'.join(_version())}" in file.parts


def _version() -> tuple[str, str]:
    import sys

    return str(sys.version_info.major), str(sys.version_info.minor)


def _code(file: Path, root: Path) -> bool:
    # Packages' empty __init__.py, and those with a docstring alone, change nothing when edited.
    return any(not isinstance(node, ast.Expr) for node in parsed(file, root).body)


def _told(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
