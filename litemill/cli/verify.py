"""`litemill verify`: check a release, offline and without the project that made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from litemill.release.check import CheckedRelease


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Check a release: every digest, no file missing or added, every claim of its manifest that"
        " its files can answer, and each variant run on its golden inputs."
    )
    parser.add_argument("archive", type=Path, metavar="FILE.tar.gz")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="PUBLIC_KEY",
        help="also require a signature by this key (PEM)",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="also build the recorded commit again, without any cache, and compare every byte",
    )
    parser.add_argument(
        "--repository",
        metavar="DIR",
        help="Git repository with that commit, whose code is run (default: this folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what holds; 0, or 1 when a rebuild gave other bytes.

    Raises:
        LitemillError: what does not hold.
    """
    from litemill.release.check import check_release

    found = check_release(args.archive, key=args.key)
    print("\n".join(_lines(args.archive, found, args.key)))
    if not args.rebuild:
        return 0
    from litemill.release.rebuild import rebuild_release

    differences = rebuild_release(args.archive, found, args.repository)
    print("\n".join(differences) or f"rebuilt from commit {found.commit}: the same bytes")
    return 1 if differences else 0


def _lines(archive: Path, found: CheckedRelease, key: Path | None) -> list[str]:
    release = found.manifest["release"]
    signature = "unsigned"
    if found.signed:
        signature = f"signed by {key}" if key else "signed; give --key to check by whom"
    width = max(map(len, found.answers))
    return [
        f"{archive}: {release['name']} {release['version']}, commit {found.commit}",
        f"  {found.files} files as listed; {signature}",
        *(
            f"  {name:<{width}}  runs; at most "
            + ", ".join(f"{gap:.3g} from golden {output!r}" for output, gap in answers.items())
            for name, answers in found.answers.items()
        ),
    ]
