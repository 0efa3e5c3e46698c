"""`litemill configure`: check the configuration and show what it changes in build/params.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--write", action="store_true", help="also write build/params.json, as `dvc repro` does"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one line for every resolved key that differs from build/params.json.

    Entries of dvc.yaml for registries that do not fit the variants are told too; nothing that is
    built depends on them.
    """
    from litemill.config.parameters import PARAMS, section
    from litemill.pipeline import registry
    from litemill.pipeline.configure import configure as resolve
    from litemill.pipeline.configure import portability_notes, write_parameters
    from litemill.pipeline.explain import differences

    before = section() if PARAMS.exists() else {}
    after = resolve(Path.cwd())
    changes = list(differences(before, after))
    print("\n".join(changes) or f"{PARAMS} is up to date")
    for note in portability_notes(after, Path.cwd()):
        print(f"note: {note}")
    for told in registry.differences(Path.cwd(), after["report"]["variants"]):
        print(told)
    if arguments.write:
        write_parameters(after)
    return 0
