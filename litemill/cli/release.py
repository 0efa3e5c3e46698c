"""`litemill release`: put what was built into one archive, with the evidence for it."""

from __future__ import annotations

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
    from litemill.config.parameters import parameters
    from litemill.config.release_name import bundle_name
    from litemill.config.schema.package import Release
    from litemill.core.files import sha256
    from litemill.release.archive import SUFFIX
    from litemill.release.clean import built_commit

    asked = parameters(Release, "release")
    top = bundle_name(asked.name, asked.version)
    if args.key:
        from litemill.release.signature import public_half

        public_half(args.key)  # a key of the wrong kind is told before anything else is done
    found = built_commit(Path.cwd())
    target = args.output / f"{top}{SUFFIX}"
    with tempfile.TemporaryDirectory(prefix="litemill-") as name:
        made, folder = Path(name) / "made", Path(name) / top
        _make(made, folder, found, args.key)
        told = _kept(made, target, args.key) if target.exists() else _placed(made, target, found)
        told += _remembered(folder) if args.remember else ""
    print(told)
    print(f"sha256 {sha256(target)}")
    return 0


def _make(made: Path, folder: Path, found: str, key: Path | None) -> None:
    """Assemble the release of a commit in `folder`, pack it as the file `made`, and check that."""
    from litemill.core.files import tree_files
    from litemill.release.archive import archive_parts, source_date_epoch
    from litemill.release.assemble import assemble_release
    from litemill.release.check import check_release

    time = source_date_epoch()
    assemble_release(Path.cwd(), folder, commit=found, time=time, key=key)
    with made.open("wb") as file:
        file.writelines(archive_parts(folder, tree_files(folder), top=folder.name, time=time))
    check_release(made, key=None)


def _placed(made: Path, target: Path, found: str) -> str:
    from litemill.core.files import atomic_replace

    with atomic_replace(target) as fresh:
        fresh.write_bytes(made.read_bytes())
    return f"{target}: commit {found}"


def _remembered(folder: Path) -> str:
    from litemill.core.files import read_json, write_json
    from litemill.report.release_diff import release_record

    write_json(RELEASED, release_record(read_json(folder / "manifest.json")))
    return f"; {RELEASED} says so: commit it"


def _kept(made: Path, target: Path, key: Path | None) -> str:
    """Say that a version exists already, with these bytes; a signature differs each time."""
    from litemill.core.errors import ReleaseError
    from litemill.core.files import sha256
    from litemill.release.assemble import content_digest
    from litemill.release.reader import unpack
    from litemill.release.signature import public_half, refuse_other_signature

    if sha256(made) == sha256(target):
        return f"{target}: exists already, the same bytes"
    other = ReleaseError(target, "exists with other bytes", "a release gets a new version")
    with tempfile.TemporaryDirectory(prefix="litemill-") as name:
        scratch = Path(name)
        for part in ("made", "target"):
            (scratch / part).mkdir()
        new, old = unpack(made, scratch / "made"), unpack(target, scratch / "target")
        if (
            not key
            or new.time != old.time
            or content_digest(new.folder) != content_digest(old.folder)
        ):
            raise other
        (scratch / "key.pem").write_bytes(public_half(key))
        try:
            refuse_other_signature(old.folder, scratch / "key.pem")
        except ReleaseError:
            raise other from None
    return f"{target}: exists already, the same content signed by the same key"
