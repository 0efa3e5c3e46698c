"""`litemill release`: put what was built into one archive, with the evidence for it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

RELEASED = Path("released.json")  # on which stage `report` depends


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Put the build of the current commit into NAME-VERSION.tar.gz. Refuses uncommitted changes,"
        " a failed gate, a stale build, and a version that exists with other bytes."
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("dist"),
        metavar="DIR",
        help="folder for the archive (default: %(default)s)",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="PRIVATE_KEY",
        help="sign with this elliptic curve key (PEM), in the OpenSSF model-signing format",
    )
    parser.add_argument(
        "--remember",
        action="store_true",
        help="write released.json, too: the next reports tell what changed since (commit it)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the archive and print its name and digest.

    Raises:
        LitemillError: it may not be released, and why.
    """
    from releases.archive import SUFFIX, epoch, packed
    from releases.assemble import assemble
    from releases.check import check
    from releases.clean import commit
    from stages.files import read_json, replacing, sha256, tree_files, write_json
    from stages.release_name import full_name
    from stages.run import parameters
    from stages.schema.package import Release
    from stages.since import remembered

    asked = parameters(Release, "release")
    top, time = full_name(asked.name, asked.version), epoch()
    if args.key:
        from releases.signature import public_half

        public_half(args.key)  # a key of the wrong kind is told before anything else is done
    found = commit(Path.cwd())
    target = args.output / f"{top}{SUFFIX}"
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="litemill-")))
        folder = scratch / top
        assemble(Path.cwd(), folder, commit=found, time=time, key=args.key)
        made = scratch / "made"
        with made.open("wb") as file:
            file.writelines(packed(folder, tree_files(folder), top=top, time=time))
        check(made, key=None)
        told = f"{target}: commit {found}"
        if target.exists():
            told = _kept(made, target, args.key)
        else:
            with replacing(target) as fresh:
                fresh.write_bytes(made.read_bytes())
        if args.remember:
            write_json(RELEASED, remembered(read_json(folder / "manifest.json")))
            told += f"; {RELEASED} says so: commit it"
    return _told(told, sha256(target))


def _told(what: str, digest: str) -> int:
    print(what)
    print(f"sha256 {digest}")
    return 0


def _kept(made: Path, target: Path, key: Path | None) -> str:
    """Say that a version exists already, with these bytes; a signature differs each time."""
    from releases.assemble import content
    from releases.reader import unpack
    from releases.signature import public_half, refuse_other_signature
    from stages.errors import ReleaseError
    from stages.files import sha256

    if sha256(made) == sha256(target):
        return f"{target}: exists already, the same bytes"
    other = ReleaseError(target, "exists with other bytes", "a release gets a new version")
    with tempfile.TemporaryDirectory(prefix="litemill-") as name:
        scratch = Path(name)
        for part in ("made", "target"):
            (scratch / part).mkdir()
        new, old = unpack(made, scratch / "made"), unpack(target, scratch / "target")
        if not key or new.time != old.time or content(new.folder) != content(old.folder):
            raise other
        (scratch / "key.pem").write_bytes(public_half(key))
        try:
            refuse_other_signature(old.folder, scratch / "key.pem")
        except ReleaseError:
            raise other from None
    return f"{target}: exists already, the same content signed by the same key"
