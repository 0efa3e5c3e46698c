"""The experiment of params.yaml: conf/experiment/NAME.yaml, laid over the whole configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.config.selection import choices_in, file_of, place_of, read_mapping
from litemill.core.errors import ConfigError, ErrorGroup

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# @package _global_"
# dvc.yaml reads these from params.yaml, so that no other file can choose them.
READ_BY_DVC = ("model", "data")


@dataclass(frozen=True)
class Experiment:
    """What an experiment says."""

    place: str
    values: dict[str, Any] = field(default_factory=dict)  # options, from the top of the tree
    choices: dict[str, str] = field(default_factory=dict)  # of groups, by its defaults list


def read_experiment(root: Path, name: str | None) -> Experiment:
    """Read conf/experiment/NAME.yaml; an empty experiment where there is no name.

    Raises:
        LitemillError: the file is no mapping, lacks its header, or chooses what dvc.yaml reads.
    """
    if name is None:
        return Experiment("conf/experiment")
    place, file = place_of(root, "experiment", name), file_of(root, "experiment", name)
    values = read_mapping(file, place)
    if not any(line.split() == HEADER.split() for line in file.read_text("utf-8").splitlines()):
        raise ConfigError(place, f"no `{HEADER}`", "add it as the first line")
    chosen = choices_in(values)
    if errors := [
        ConfigError(
            f"{place}: defaults",
            f"chooses {group}, which dvc.yaml reads from params.yaml",
            f"set `{group}: {chosen[group]}` there",
        )
        for group in READ_BY_DVC
        if group in chosen
    ]:
        raise ErrorGroup(errors)
    options = {key: value for key, value in values.items() if key != "defaults"}
    return Experiment(place, options, chosen)
