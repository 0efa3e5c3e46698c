"""`litemill verify --rebuild` of a project whose data `dvc add` keeps outside of Git."""

from __future__ import annotations

import pytest
from packaged import Tiny, archived, made, released


@pytest.fixture
def pinned(tmp_path):
    """A project that needs a data file of a DVC remote, its remote, and its release."""
    project = Tiny(tmp_path / "one", made(tmp_path / "made"))
    remote = tmp_path / "remote"
    project.write("samples.bin", "Too large for Git.\n")
    for words in (
        ("add", "samples.bin"),
        ("remote", "add", "--default", "store", str(remote)),
    ):
        assert 0 == project.dvc(*words).status
    project.edit(
        "dvc.yaml", "      - verdict.json\n", "      - verdict.json\n      - samples.bin\n"
    )
    project.commit()
    assert 0 == project.dvc("push", "samples.bin.dvc").status
    commit = project.git("rev-parse", "HEAD").strip()
    folder = released(project.root, tmp_path / "digits-1.2.0", commit=commit)
    return project, remote, archived(folder, tmp_path / "digits-1.2.0.tar.gz")


def test_data_that_git_does_not_hold_comes_from_the_remote(pinned):
    """And from nowhere else: caches are left out of a rebuild."""
    project, _, archive = pinned

    done = project.litemill("verify", archive, "--rebuild")

    assert (0, "") == (done.status, done.err)
    assert done.out.endswith(": the same bytes\n")


def test_data_that_nobody_has_any_more_is_told(pinned):
    """In DVC's words, and one line of ours; nothing is compared."""
    project, remote, archive = pinned
    remote.rename(remote.with_name("gone"))

    done = project.litemill("verify", archive, "--rebuild")

    assert 1 == done.status
    assert "rebuild: dvc pull failed with status" in done.err.splitlines()[-1]
