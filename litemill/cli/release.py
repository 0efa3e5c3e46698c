"""`litemill release`: put the build of a commit into one archive, with its evidence."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

RELEASED = Path("released.json")  # on which stage `report` depends


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.description = (
        "Put the build of the current commit into NAME-VERSION.tar. Refuses uncommitted changes,"
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
        help="also write released.json: later reports list what changed since (commit it)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the archive and print its name and digest.

    Raises:
        LitemillError: the build cannot be released.
    """
    from litemill.config.parameters import parameters
    from litemill.config.release_name import bundle_name
    from litemill.config.schema.package import Release
    from litemill.core.files import sha256
    from litemill.pipeline.lock_file import refuse_damaged_lock
    from litemill.release.archive import SUFFIX
    from litemill.release.clean import built_commit

    release = parameters(Release, "release")
    top = bundle_name(release.name, release.version)
    if args.key:
        from litemill.release.signature import public_key

        public_key(args.key)  # refuses a key of the wrong kind before the work begins
    refuse_damaged_lock(Path.cwd())
    commit = built_commit(Path.cwd())
    target = args.output / f"{top}{SUFFIX}"
    with tempfile.TemporaryDirectory(prefix="litemill-") as name:
        archive, folder = Path(name) / "archive", Path(name) / top
        _write_release(archive, folder, commit, args.key)
        if target.exists():
            message = _keep_existing(archive, target, args.key)
        else:
            message = _publish(archive, target, commit)
        if args.remember:
            message += _remember(folder)
    print(message)
    print(f"sha256 {sha256(target)}")
    return 0


def _write_release(archive: Path, folder: Path, commit: str, key: Path | None) -> None:
    """Assemble the release of a commit in `folder`, write it as `archive`, and check that."""
    from litemill.core.files import tree_files
    from litemill.release.archive import source_date_epoch, write_archive
    from litemill.release.assemble import assemble_release
    from litemill.release.check import check_release
    from litemill.release.clean import run_git

    shown = run_git(Path.cwd(), "show", "--no-patch", "--no-show-signature", "--format=%ct", commit)
    time = source_date_epoch(int(shown))
    assemble_release(Path.cwd(), folder, commit=commit, time=time, key=key)
    write_archive(archive, folder, tree_files(folder), top=folder.name, time=time)
    check_release(archive, key=None)


def _publish(archive: Path, target: Path, commit: str) -> str:
    from litemill.core.files import atomic_replace

    with atomic_replace(target) as fresh:
        shutil.copyfile(archive, fresh)
    return f"{target}: commit {commit}"


def _remember(folder: Path) -> str:
    from litemill.core.files import read_json, write_json
    from litemill.release.layout import MANIFEST
    from litemill.report.release_diff import release_record

    write_json(RELEASED, release_record(read_json(folder / MANIFEST)))
    return f"; {RELEASED} updated: commit it"


def _keep_existing(archive: Path, target: Path, key: Path | None) -> str:
    """Accept a version that exists with the same bytes; signatures differ each time.

    Raises:
        ReleaseError: it exists with other bytes, or signed by another key.
    """
    from litemill.core.errors import ReleaseError
    from litemill.core.files import sha256
    from litemill.release.assemble import content_digests
    from litemill.release.check import open_release
    from litemill.release.signature import public_key, refuse_other_signature

    if sha256(archive) == sha256(target):
        return f"{target}: exists already, the same bytes"
    other = ReleaseError(target, "exists with other bytes", "give the release a new version")
    with (
        open_release(archive) as new,
        open_release(target) as old,
        tempfile.TemporaryDirectory(prefix="litemill-") as scratch,
    ):
        same = new.time == old.time and content_digests(new.folder) == content_digests(old.folder)
        if not key or not same:
            raise other
        public = Path(scratch) / "key.pem"
        public.write_bytes(public_key(key))
        try:
            refuse_other_signature(old.folder, public)
        except ReleaseError:
            raise other from None
    return f"{target}: exists already, the same content signed by the same key"
