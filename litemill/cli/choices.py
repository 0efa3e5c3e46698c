"""`litemill list`: the choices of conf/, with the first line that each file says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("group", nargs="?", help="one group only, such as variant")


def run(arguments: argparse.Namespace) -> int:
    """Print the groups and their choices; those that are chosen are marked with `*`.

    Raises:
        LitemillError: this is no project, it has no such group, or what chooses is no YAML.
    """
    from litemill.config.selection import choices, groups, read_mapping, sweeps
    from litemill.core.errors import ConfigError, nearest

    root = Path.cwd()
    if not (root / "conf").is_dir():
        raise ConfigError(root / "conf", "no such folder", "run this in a Litemill project")
    known = groups(root)
    if arguments.group and arguments.group not in known:
        raise ConfigError(
            f"conf/{arguments.group}", "no such group", nearest(arguments.group, known)
        )
    params = read_mapping(root / "params.yaml", "params.yaml")
    lists = {"variant": params.get("variants"), "sweep": sweeps(root)}
    for group in [arguments.group] if arguments.group else known:
        asked = lists.get(group, params.get(group))
        chosen = asked if isinstance(asked, list) else [asked]
        print(group)
        for choice in choices(root, group):
            mark = "*" if choice in chosen else " "
            print(f"  {mark} {choice:<20} {_purpose(root / 'conf' / group / f'{choice}.yaml')}")
    return 0


def _purpose(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    comment = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    return " ".join(comment).split(". ")[0].rstrip(".")
