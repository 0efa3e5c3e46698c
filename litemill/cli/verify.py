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
        "Check a release offline: every digest, no file missing or added, each claim of its"
        " manifest against the files, and the outputs of each variant for its golden inputs."
    )
    parser.add_argument("archive", type=Path, metavar="FILE.tar")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="PUBLIC_KEY",
        help="also require a signature by this key (PEM)",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="also rebuild the recorded commit without any cache and compare every byte",
    )
    parser.add_argument(
        "--repository",
        metavar="DIR",
        help="Git repository with that commit, whose code will run (default: this folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what was checked; return 0, or 1 if a rebuild differs.

    Raises:
        LitemillError: a check failed.
    """
    from litemill.release.check import check_release

    release = check_release(args.archive, key=args.key)
    print("\n".join(_summary(args.archive, release, args.key)))
    if not args.rebuild:
        return 0
    from litemill.release.rebuild import rebuild_release

    differences = rebuild_release(args.archive, release, args.repository)
    print("\n".join(differences) or f"rebuilt from commit {release.commit}: the same bytes")
    return 1 if differences else 0


def _summary(archive: Path, release: CheckedRelease, key: Path | None) -> list[str]:
    described = release.manifest["release"]
    signature = "not signed"
    if release.signed:
        signature = f"signed by {key}" if key else "signed; give --key to verify the signature"
    width = max(map(len, release.differences))
    return [
        f"{archive}: {described['name']} {described['version']}, commit {release.commit}",
        f"  {release.files} files match their digests; {signature}",
        *(
            f"  {variant:<{width}}  largest difference from golden outputs: "
            + ", ".join(f"{output} {value:.3g}" for output, value in outputs.items())
            for variant, outputs in release.differences.items()
        ),
    ]
