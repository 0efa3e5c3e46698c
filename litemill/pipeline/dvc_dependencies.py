"""What configure depends on in dvc.yaml: the folders of the code and files that it digests.

dvc.yaml cannot name what a configuration reaches, since its templates know params.yaml alone. So it
names folders, and configure refuses a configuration that reaches further: otherwise an edit there
would rebuild nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from litemill.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def undeclared_dependencies(
    root: Path, reached: Iterable[tuple[str, Path]], choices: Mapping[str, str]
) -> Iterator[ConfigError]:
    """Find the files that a configuration reaches and configure does not depend on.

    `reached` are files and folders, each with the place in the configuration that leads there.
    """
    declared = declared_dependencies(root, choices)
    for place, path in reached:
        if not any(path.resolve().is_relative_to(dependency) for dependency in declared):
            name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
            problem = f"reaches {name}, which is no dependency of configure"
            yield ConfigError(place, problem, f"add `- {name}` to its deps in dvc.yaml")


def declared_dependencies(root: Path, choices: Mapping[str, str]) -> list[Path]:
    """Return what configure depends on, with the choices of params.yaml filled in."""
    stages = yaml.load((root / "dvc.yaml").read_bytes(), yaml.CSafeLoader)["stages"]
    names = [str(name) for name in stages["configure"]["deps"]]
    for group, choice in choices.items():
        names = [name.replace(f"${{{group}}}", str(choice)) for name in names]
    return [(root / name).resolve() for name in names]
