"""`litemill init` and `litemill update`: a project of one's own, and a newer Litemill in it."""

from __future__ import annotations

import re
import sys

import pytest
from clones import started, upstream
from project import Project


@pytest.fixture(scope="module")
def litemill(tmp_path_factory):
    """Give a repository of Litemill; not to be edited."""
    return upstream(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def newer(litemill, tmp_path):
    """Give a later Litemill, to edit."""
    (tmp_path / "newer").mkdir()
    return litemill.copy(tmp_path / "newer")


@pytest.fixture(scope="module")
def first(litemill, tmp_path_factory):
    """Start a project; not to be edited."""
    return started(litemill, tmp_path_factory.mktemp("first"))


@pytest.fixture
def mine(first, tmp_path):
    """Give a project that was just started, to edit."""
    return first.copy(tmp_path)


def run(project, *words):
    """Run a command of Litemill with the project's own code."""
    return project.run(sys.executable, "-m", "litemill", *words)


def commit(project, message="Edit"):
    """Commit everything."""
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", message)


def update(mine, newer, status=0):
    """Take over a newer Litemill."""
    done = run(mine, "update", str(newer.root))
    assert status == done.status, done.out + done.err
    return done.out if not status else done.err


def test_a_new_project_is_a_clean_repository_that_configure_accepts(mine):
    """Two commits: Litemill's files, and what is the user's own."""
    assert "" == mine.git("status", "--porcelain")
    assert ["Start mine", "Litemill"] == [
        line.split(" ", 1)[1].split(" 0")[0] for line in mine.git("log", "--oneline").splitlines()
    ]
    mine.env["LITEMILL_WORKER"] = "0"
    assert (0, "") == ((ran := mine.stage("configure")).status, ran.err)
    assert mine.read("README.md").startswith("# mine\n")


def test_a_new_project_has_nothing_that_only_litemill_needs(mine):
    """Neither its tests nor its other example, and no link that leads nowhere."""
    names = mine.git("ls-files").splitlines()
    assert ["tests/test_project.py"] == [name for name in names if name.startswith("tests/")]
    assert [] == [name for name in names if "diabetes" in name and not name.startswith("docs/")]
    pages = [name for name in names if name.endswith(".md") and name.startswith(("README", "docs"))]
    links = [(p, to) for p in pages for to in re.findall(r"\]\(([^)#:]+)\)", mine.read(p))]
    assert [] == [(p, to) for p, to in links if not ((mine.root / p).parent / to).exists()]


def test_a_new_project_has_no_target_that_cannot_run(mine):
    """What its Makefile and its pages name is there; `make soak` is Litemill's own."""
    targets = re.findall(r"^(\w+):(?! *=)", mine.read("Makefile"), re.MULTILINE)
    dry = mine.run("make", "--dry-run", *targets)
    assert {"build", "test", "reproduce"} <= set(targets)
    assert 0 == dry.status, dry.err
    modules = [
        f"{name.replace('.', '/')}.py" for name in re.findall(r"-m (benchmarks\S+)", dry.out)
    ]
    assert ["benchmarks/reproducibility.py"] == modules
    named = [*modules, *re.findall(r"tests/\w+\.\w+", dry.out)]
    pages = mine.git("ls-files", "docs", "README.md").splitlines()
    named += [path for page in pages for path in re.findall(r"\btests/\w+\.py", mine.read(page))]
    assert [] == [name for name in named if not (mine.root / name).exists()]
    assert 2 == mine.run("make", "--dry-run", "soak").status


def test_a_folder_with_something_in_it_is_refused(litemill, tmp_path):
    """And left alone."""
    (tmp_path / "there.txt").write_text("mine")

    done = run(litemill, "init", str(tmp_path))

    assert (1, f"{tmp_path}: exists and is not empty; expected a new folder\n") == (
        done.status,
        done.err,
    )


def test_nothing_is_left_of_a_project_that_could_not_be_started(litemill, tmp_path):
    """For example from a repository that is none of Litemill's."""
    other = Project(tmp_path / "other")
    other.write("README.md", "Something else\n")
    other.git("init", "--quiet")
    commit(other)

    done = run(litemill, "init", str(tmp_path / "mine"), "--from", str(other.root))

    assert 1 == done.status
    assert 1 == len(done.err.splitlines())
    assert not (tmp_path / "mine").exists()


def test_an_update_keeps_what_the_user_changed(mine, newer):
    """Both sides' edits of one file, their own files, and what they removed."""
    mine.edit("conf/variant/int8.yaml", "samples: 100", "samples: 60")
    mine.edit("dvc.yaml", "Collect the release", "Collect our release")
    mine.write("models/mine/__init__.py", "def build():\n    ...\n")
    mine.git("rm", "--quiet", "-r", ".gitlab-ci.yml", "conf/variant/mixed_int4.yaml")
    commit(mine)
    newer.edit("conf/variant/int8.yaml", "# About 25 % of the size.", "# A quarter of the size.")
    newer.edit("dvc.yaml", "Fail when a check failed", "Stop when a check failed")
    newer.edit("models/digits_cnn/__init__.py", "A small", "A tiny")
    newer.write("stages/novelty.py", '"""Something new."""\n')
    newer.git("rm", "--quiet", "docs/performance.md")
    newer.write("README.md", "# Litemill, newer\n")
    commit(newer, "Newer")

    told = update(mine, newer)

    assert "litemill: Litemill 0.1.0 (" in told
    assert "samples: 60" in mine.read("conf/variant/int8.yaml")
    assert "# A quarter of the size." in mine.read("conf/variant/int8.yaml")
    assert "Collect our release" in mine.read("dvc.yaml")
    assert "Stop when a check failed" in mine.read("dvc.yaml")
    assert (mine.root / "stages/novelty.py").exists()
    assert (mine.root / "models/mine/__init__.py").exists()
    assert "A small" in mine.read("models/digits_cnn/__init__.py")
    gone = (".gitlab-ci.yml", "conf/variant/mixed_int4.yaml", "docs/performance.md")
    assert [] == [name for name in gone if (mine.root / name).exists()]
    assert mine.read("README.md").startswith("# mine\n")
    assert "" == mine.git("status", "--porcelain")
    mine.env["LITEMILL_WORKER"] = "0"
    assert 0 == mine.stage("configure").status
    assert "samples: 60" in mine.read("build/params.json")


def test_an_update_that_brings_nothing_changes_nothing(mine, newer):
    """Not even a commit."""
    before = mine.git("rev-parse", "--all")

    assert "as before" in update(mine, newer)

    assert before == mine.git("rev-parse", "--all")


def test_a_conflict_is_told_and_can_be_undone(mine, newer):
    """With status 1; nothing of the user's is lost either way, and a second try works."""
    mine.edit("conf/variant/int8.yaml", "samples: 100", "samples: 60")
    commit(mine)
    newer.edit("conf/variant/int8.yaml", "samples: 100", "samples: 200")
    commit(newer, "Newer")

    told = update(mine, newer, status=1)

    assert "merge: conflicts in conf/variant/int8.yaml; resolve, `git add` and" in told
    assert "  samples: 60\n" in mine.read("conf/variant/int8.yaml")
    assert "uncommitted changes; commit or stash them" in update(mine, newer, status=1)
    mine.git("merge", "--abort")
    assert "samples: 60\n" in mine.read("conf/variant/int8.yaml")
    assert "conflicts in conf/variant/int8.yaml" in update(mine, newer, status=1)
    mine.edit("conf/variant/int8.yaml", mine.read("conf/variant/int8.yaml"), "optimization: int8\n")
    commit(mine, "Resolve")
    assert "as before" in update(mine, newer)


def test_a_merge_that_git_refuses_is_no_conflict(mine, newer):
    """A file of the user's in the way is named, and stays; without it the same update works."""
    newer.write("stages/novelty.py", '"""Something new."""\n')
    commit(newer, "Newer")
    mine.write("stages/novelty.py", "mine\n")

    told = update(mine, newer, status=1)

    why = "error: The following untracked working tree files would be overwritten by merge:"
    expected = f"git merge: {why} stages/novelty.py; mend that, then update again\n"
    assert expected == told
    assert "mine\n" == mine.read("stages/novelty.py")
    (mine.root / "stages/novelty.py").unlink()
    update(mine, newer)
    assert "Something new" in mine.read("stages/novelty.py")


def test_update_refuses_what_is_no_project(newer, litemill):
    """Such as Litemill itself."""
    told = update(newer, litemill, status=1)

    assert "no branch 'litemill'; expected a project that `litemill init` started\n" in told


def test_update_names_a_repository_that_is_none(mine):
    """In Git's words."""
    done = run(mine, "update", "nowhere")

    assert 1 == done.status
    assert "git clone: fatal: repository 'nowhere' does not exist\n" in done.err
