"""`litemill configure`: check the configuration and show what it changes in build/params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--write", action="store_true", help="also write build/params.yaml, as `dvc repro` does"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one line for every resolved key that differs from build/params.yaml.

    Entries of dvc.yaml for registries that do not fit the variants are told too; nothing that is
    built depends on them.
    """
    from litemill.registry import differences
    from stages.configure import configure as resolve
    from stages.configure import notes, write
    from stages.run import PARAMS, section

    before = section() if PARAMS.exists() else {}
    after = resolve(Path.cwd())
    changes = list(_changes(before, after))
    print("\n".join(changes) or f"{PARAMS} is up to date")
    for note in notes(after, Path.cwd()):
        print(f"note: {note}")
    for told in differences(Path.cwd(), after["report"]["variants"]):
        print(told)
    if arguments.write:
        write(after)
    return 0


def _changes(before: Any, after: Any, path: str = "") -> list[str]:
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [
            line
            for key in keys
            for line in _changes(before.get(key), after.get(key), f"{path}.{key}" if path else key)
        ]
    return [f"{path}: {before!r} -> {after!r}"]
