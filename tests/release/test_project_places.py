"""Where a project may lie: below a larger repository, as a submodule, in a worktree, anywhere."""

from __future__ import annotations

import shutil

import pytest
from packaged import Tiny, made

from litemill.core.errors import ReleaseError
from litemill.core.files import sha256
from litemill.release import rebuild

ODD = 'it\'s a "model" für $HOME'
ALLOWED = ("-c", "protocol.file.allow=always")  # of a submodule in a folder of this machine


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Build a project in a repository of its own; not to be edited."""
    return Tiny(tmp_path_factory.mktemp("tiny"), made(tmp_path_factory.mktemp("made")))


def project_at(first, root):
    """Return the project of a folder."""
    project = Tiny.__new__(Tiny)
    project.root, project.env = root, first.env
    return project


def released(project):
    """Release a project; return the archive."""
    done = project.litemill("release")
    assert 0 == done.status, done.err
    [archive] = (project.root / "dist").iterdir()
    assert 0 == project.litemill("verify", archive).status
    return archive


@pytest.fixture
def below(first, tmp_path):
    """Put the project below a larger repository, in a folder of an odd name."""
    outer = project_at(first, tmp_path / "outer")
    outer.root.mkdir()
    inner = project_at(first, outer.root / "models" / ODD)
    shutil.copytree(
        first.root, inner.root, symlinks=True, ignore=shutil.ignore_patterns(".git", "dist")
    )
    outer.write("app/main.c", "int main;\n")
    outer.git("init", "--quiet", "--initial-branch=main")
    outer.git("config", "user.name", "T")
    outer.git("config", "user.email", "t@localhost")
    inner.dvc("config", "core.no_scm", "false")
    outer.git("add", "--all")
    outer.git("commit", "--quiet", "--message", "All")
    return outer, inner


def test_a_project_below_a_larger_repository_releases(below):
    """Also while others work on the rest of the repository; but not with changes of its own."""
    outer, inner = below
    outer.write("app/main.c", "int other;\n")

    archive = released(inner)

    assert archive.is_relative_to(inner.root)
    inner.write("notes/readme.txt", "Changed.\n")
    refused = inner.litemill("release")
    assert 1 == refused.status
    assert "uncommitted: notes/readme.txt" in refused.err


def test_a_rebuild_finds_the_project_in_a_clone_of_the_repository(below, tmp_path):
    """By its dvc.lock, which the release holds: the folder may have moved since."""
    outer, inner = below
    commit = outer.git("rev-parse", "HEAD").strip()
    lock = (inner.root / "dvc.lock").read_bytes()

    for place in (outer.root, inner.root):
        clone = tmp_path / f"clone of {place.name}"
        found = rebuild.clone_project(str(place), commit, lock, clone)

        assert clone / "models" / ODD == found
        assert sha256(inner.root / "dvc.yaml") == sha256(found / "dvc.yaml")
    clone = tmp_path / "none"
    with pytest.raises(ReleaseError, match=r"no folder of commit .* has the dvc\.lock"):
        rebuild.clone_project(str(outer.root), commit, lock + b"#", clone)


def test_a_worktree_releases_the_same_bytes(first, tmp_path):
    """Its .git is a file."""
    origin = project_at(first, tmp_path / "origin")
    shutil.copytree(first.root, origin.root, symlinks=True)
    tree = project_at(first, tmp_path / ODD)
    origin.git("worktree", "add", "--quiet", "--detach", str(tree.root))
    tree.dvc("cache", "dir", "--local", str(origin.root / ".dvc/cache"))
    assert 0 == tree.dvc("checkout").status

    assert sha256(released(origin)) == sha256(released(tree))
    commit = tree.git("rev-parse", "HEAD").strip()
    lock = (tree.root / "dvc.lock").read_bytes()
    assert tmp_path / "clone" == rebuild.clone_project(
        str(tree.root), commit, lock, tmp_path / "clone"
    )


def test_a_submodule_releases_the_same_bytes(first, tmp_path):
    """Its .git is a file as well."""
    outer = project_at(first, tmp_path / "outer")
    outer.root.mkdir()
    outer.git("init", "--quiet", "--initial-branch=main")
    outer.git(*ALLOWED, "submodule", "--quiet", "add", str(first.root), "model")
    inner = project_at(first, outer.root / "model")
    inner.dvc("cache", "dir", "--local", str(first.root / ".dvc/cache"))
    assert 0 == inner.dvc("checkout").status
    origin = project_at(first, tmp_path / "origin")
    shutil.copytree(first.root, origin.root, symlinks=True)

    assert sha256(released(origin)) == sha256(released(inner))
