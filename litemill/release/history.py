"""Read from Git what was released: each content that released.json has had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ReleaseError
from litemill.release.clean import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELEASED = "released.json"


def released_history(project: Path) -> list[dict[str, Any]]:
    """Return the releases that the commits of this branch remember, the oldest first.

    Args:
        project: the folder with released.json, in a Git repository.

    Returns:
        For each what released.json holds, with the "commit" that wrote it and its "date". Of a
        version that was released again, the last content counts.

    Raises:
        ReleaseError: the folder is in no repository, or nothing was released.
    """
    releases = {
        (release.get("name"), release["version"]): release for release in _contents(project)
    }
    if not releases:
        expected = "`litemill release --remember` writes it; commit it"
        raise ReleaseError(RELEASED, "no commit has a release in it", expected)
    return list(releases.values())


def _contents(project: Path) -> Iterator[dict[str, Any]]:
    log = run_git(project, "log", "--reverse", "--format=%H %cs", "--", RELEASED)
    for line in log.splitlines():
        commit, date = line.split()
        try:
            content = json.loads(run_git(project, "show", f"{commit}:./{RELEASED}"))
        except (ReleaseError, ValueError):
            continue  # a commit that deleted it, or one with a conflict in it
        if isinstance(content, dict) and content.get("version") and content.get("variants"):
            yield {**content, "commit": commit, "date": date}
