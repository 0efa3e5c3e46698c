"""Choices whose file says nothing: allowed, and what they then mean is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.config.selection import (
    PACKAGE_CONF,
    default_choices,
    file_of,
    place_of,
    read_mapping,
    read_selection,
)

if TYPE_CHECKING:
    from pathlib import Path

MEANING = {
    "limits": "no limits but those that a variant has of its own",
    "variant": "float32, with the default of every other option",
    "train": "the default of every option, and no optimizer",
    "numerics": "the default of every option",
    "release": "the default of every option",
}


def empty_choice_notes(root: Path) -> list[str]:
    """List the chosen files without content, a line each with what that means.

    Raises:
        LitemillError: params.yaml or a file cannot be read.
    """
    selection = read_selection(root)
    chosen = {**default_choices(root), **selection}
    pairs = [(group, str(chosen[group])) for group in MEANING if group in chosen]
    pairs += [("variant", name) for name in selection["variants"]]
    return [
        _note(root, group, name)
        for group, name in pairs
        if not read_mapping(file_of(root, group, name), place_of(root, group, name), empty=True)
    ]


def _note(root: Path, group: str, name: str) -> str:
    packaged = (PACKAGE_CONF / group / f"{name}.yaml").exists()
    remedy = "; delete the file to get the package's" if packaged else ""
    return f"{place_of(root, group, name)} is empty: {MEANING[group]}{remedy}"
