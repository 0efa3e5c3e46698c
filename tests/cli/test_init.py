"""`litemill init` and `litemill update`, with wheels that are built and installed for the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile

import pytest
from clones import Installed, built_wheel, newer_wheel, quick, write_lock
from project import ROOT, Project

from litemill.cli.template import pin
from litemill.config.toolchain import installed_version
from litemill.pipeline.stage_table import STAGES
from litemill.targets.kinds import KINDS

MODEL = "conf/model/digits_cnn.yaml"
CODE = re.compile(
    r"^```python\n# ((?:models|data|metrics|checks)/\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Return an environment that has this Litemill's wheel."""
    folder = tmp_path_factory.mktemp("installed")
    return Installed(folder / "env", built_wheel(ROOT, folder))


@pytest.fixture(scope="session")
def newer(tmp_path_factory):
    """Return an environment that has the wheel of a later Litemill."""
    folder = tmp_path_factory.mktemp("newer")
    wheel = newer_wheel(
        folder,
        (MODEL, "A small convolutional network", "A tiny convolutional network"),
        ("dvc.yaml", "desc: Fail when a check failed", "desc: Stop when a check failed"),
        ("stages/novelty.py", "", '"""Something new."""\n'),
        ("requirements.lock", "\nkeras==3", "\nkeras==4"),
    )
    return Installed(folder / "env", wheel)


@pytest.fixture(scope="session")
def started(installed, tmp_path_factory):
    """Return a new project; not to be edited."""
    return installed.start(tmp_path_factory.mktemp("started"))


@pytest.fixture
def mine(started, tmp_path):
    """Return a new project."""
    project = started.copy(tmp_path)
    project.env = started.env
    return project


def commit(project, message="Edit"):
    """Commit everything."""
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", message)


def update(environment, project, status=0, env=None):
    """Update a project, and return what was printed."""
    done = environment.litemill(project.root, "update", env=env)
    assert status == done.returncode, done.stdout + done.stderr
    return done.stderr if status else done.stdout


def files(project):
    """List the committed files."""
    return project.git("ls-files").splitlines()


def make(project, environment, *words):
    """Run make where only that environment's packages can be installed."""
    return project.run("make", *words, path=environment.folder / "bin")


def test_the_wheel_has_one_import_name_and_no_links(installed):
    """With the configuration, the template and the lock as files."""
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
        lock = archive.read("litemill/requirements.lock")

    assert {"litemill"} == {name.split("/")[0].split("-")[0] for name in names}
    assert (ROOT / "requirements.lock").read_bytes() == lock
    assert {"litemill/conf/variant/int8.yaml", "litemill/template/dvc.yaml"} <= set(names)
    assert [] == [name for name in names if name.endswith(".pyc")]
    [scripts] = [name for name in names if name.endswith("entry_points.txt")]
    with zipfile.ZipFile(installed.wheel) as archive:
        assert 1 == archive.read(scripts).count(b" = ")


def test_a_wheel_is_built_with_the_same_bytes_again(installed, tmp_path):
    """The lock of a project pins them."""
    assert installed.wheel.read_bytes() == built_wheel(ROOT, tmp_path).read_bytes()


def test_a_project_is_small(started):
    """About 30 files, and at most 1,000 lines besides the locks and the wheel."""
    names = files(started)
    texts = [name for name in names if not name.endswith((".lock", ".whl"))]

    assert 38 >= len(names)
    assert 1000 >= sum(started.read(name).count("\n") for name in texts)
    assert [] == [name for name in names if (started.root / name).is_symlink()]


def test_a_project_is_a_clean_repository_of_one_commit(started):
    """With its own name, and without what only Litemill's repository has."""
    assert "" == started.git("status", "--porcelain")
    assert ["Start mine"] == started.git("log", "--format=%s").splitlines()
    assert started.read("README.md").startswith("# mine\n")
    assert "      - litemill" not in started.read("dvc.yaml")
    texts = [name for name in files(started) if not name.endswith(".whl")]
    placeholders = ("PROJECT_NAME", "PYTHON_VERSION", "diabetes")
    assert [] == [n for n in texts if any(word in started.read(n) for word in placeholders)]
    assert (ROOT / "stages/train.py").read_text() == started.read("stages/train.py")


def test_a_project_pins_the_wheel_that_was_installed(started, installed):
    """By its hash; pip finds it in wheels/, or where that is gone on an index."""
    [wheel] = (started.root / "wheels").iterdir()

    assert installed.wheel.read_bytes() == wheel.read_bytes()
    expected = pin(wheel) + (ROOT / "requirements.lock").read_text()
    assert expected == started.read("requirements.lock")


@pytest.mark.slow
def test_a_wheel_that_is_gone_is_packed_again(installed, tmp_path):
    """From the installed files: the same files, and the same bytes each time."""
    moved = installed.wheel.with_suffix(".gone")
    installed.wheel.rename(moved)
    try:
        projects = [installed.start(tmp_path, name) for name in ("first", "second")]
    finally:
        moved.rename(installed.wheel)
    first, second = [next((project.root / "wheels").iterdir()) for project in projects]

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed, zipfile.ZipFile(installed.wheel) as original:
        names = {n for n in original.namelist() if not n.endswith("RECORD")}
        assert names == {n for n in packed.namelist() if not n.endswith("RECORD")}
        assert [] == [name for name in names if packed.read(name) != original.read(name)]
    again = Installed(tmp_path / "env", first)
    [third] = (again.start(tmp_path, "third").root / "wheels").iterdir()
    assert first.read_bytes() == third.read_bytes()


def test_a_checkout_builds_its_wheel(tmp_path):
    """An editable installation has no wheel."""
    project = Project(ROOT)
    project.env = Project(tmp_path / "settings").env

    done = project.run("litemill", "init", str(tmp_path / "mine"))

    assert 0 == done.status, done.err
    [wheel] = (tmp_path / "mine/wheels").iterdir()
    assert wheel.read_bytes() == built_wheel(ROOT, tmp_path).read_bytes()


def test_git_need_not_know_who_commits(installed, tmp_path):
    """On a fresh machine it does not."""
    names = ("GIT_AUTHOR", "GIT_COMMITTER")
    env = {n: value for n, value in installed.env.items() if not n.startswith(names)}
    env |= {"HOME": str(tmp_path), "GIT_CONFIG_COUNT": "1"}
    env |= {"GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}

    project = installed.start(tmp_path, env=env)

    assert "Litemill" == project.git("log", "--format=%an").strip()


def test_a_folder_with_something_in_it_is_refused(installed, tmp_path):
    """And left alone."""
    (tmp_path / "there.txt").write_text("mine")

    done = installed.litemill(tmp_path, "init", str(tmp_path))

    assert 1 == done.returncode
    assert f"{tmp_path}: exists and is not empty; expected a new folder\n" == done.stderr
    assert ["there.txt"] == [path.name for path in tmp_path.iterdir()]


def test_nothing_is_left_of_a_project_that_could_not_be_started(installed, tmp_path):
    """For example because Git is not there."""
    done = installed.litemill(tmp_path, "init", "mine", env=installed.env | {"PATH": str(tmp_path)})

    assert 1 == done.returncode
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.pipeline
def test_a_project_builds_from_its_lock_and_tests_itself(mine, installed):
    """`make` installs the lock and builds; the installed wheel runs, from nowhere near a clone."""
    [wheel] = (mine.root / "wheels").iterdir()
    names = {name for stage in STAGES.values() for name in stage.toolchain or ()}
    for kind in KINDS.values():
        names |= {*kind.interpreter_packages, *kind.compiler_packages}
    pins = {name: version for name in names if (version := installed_version(name))}
    write_lock(mine, pins, lines=pin(wheel).split("\n", 1)[1])
    mine.write("requirements-dev.lock", "")
    commit(mine)
    quick(mine)

    built = make(mine, installed)
    tested = make(mine, installed, "test")

    assert 0 == built.status, built.out + built.err
    assert "package" in built.stages
    assert 0 == tested.status, tested.out + tested.err
    assert "2 passed" in tested.out
    done = mine.run(".venv/bin/python", "-c", "import litemill; print(litemill.__file__)")
    assert str(mine.root / ".venv") in done.out
    expected = ["?? build/", "?? dvc.lock"]
    assert expected == mine.git("status", "--porcelain").splitlines()
    assert ["build/params.json"] == mine.git(
        "ls-files", "--others", "--exclude-standard", "build"
    ).splitlines()


@pytest.mark.slow
def test_another_python_replaces_the_environment(mine, installed, tmp_path):
    """`make PYTHON=...`; without it, what is there stays."""
    write_lock(mine, {})
    commit(mine)
    other = tmp_path / "python-other"
    python = installed.folder / "bin" / "python"
    other.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo Python 3.99 || exec {python} "$@"\n')
    other.chmod(0o755)
    environment = mine.root / ".venv"

    for expected, words in (
        (True, []),
        (False, []),
        (True, [f"PYTHON={other}"]),
        (False, []),
    ):
        (environment / "mark").touch() if environment.exists() else None
        done = make(mine, installed, "environment", *words)
        assert 0 == done.status, done.err
        assert expected != (environment / "mark").exists()


def test_the_code_of_the_documents_passes_the_linters(mine):
    """Everything that docs/extending/ says to put into a project."""
    pages = sorted((ROOT / "docs/extending").glob("*.md"))
    shown = [block for page in pages for block in CODE.findall(page.read_text())]
    assert len(shown) >= 4
    for number, (name, body) in enumerate(shown):
        target = name.replace("/mine/", f"/mine{number}/")
        mine.write(target, body)
    for words in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        done = mine.run(*words)
        assert 0 == done.status, done.out + done.err


@pytest.mark.slow
def test_the_linters_find_mistakes(mine):
    """An unused import, a call that cannot work, and what is not formatted."""
    mine.write("models/mine/__init__.py", "import os\n")
    assert 1 == mine.run("ruff", "check", ".").status
    mine.write("models/mine/__init__.py", "def build(units: int) -> int:\n    return units + 'a'\n")
    assert 1 == mine.run("mypy").status
    assert 1 == mine.run("ruff", "format", "--check", ".").status


def test_an_update_keeps_the_changes_of_both_sides(mine, newer):
    """In one file, files of their own, and what the user removed; the lock pins the new wheel."""
    mine.edit(MODEL, "units: 32", "units: 48")
    mine.edit("dvc.yaml", "desc: Collect the release", "desc: Collect our release")
    mine.write("models/mine/__init__.py", "def build():\n    ...\n")
    mine.git("rm", "--quiet", ".gitlab-ci.yml")
    mine.write("requirements.lock", mine.read("requirements.lock") + "mine==1 --hash=sha256:0\n")
    commit(mine)

    printed = update(newer, mine)

    assert "Litemill 0.2.0: committed" in printed
    assert "Update to Litemill 0.2.0" == mine.git("log", "-1", "--format=%s").strip()
    assert "A tiny convolutional network" in mine.read(MODEL)
    assert "units: 48" in mine.read(MODEL)
    assert "desc: Collect our release" in mine.read("dvc.yaml")
    assert "desc: Stop when a check failed" in mine.read("dvc.yaml")
    assert (mine.root / "stages/novelty.py").exists()
    assert (mine.root / "models/mine/__init__.py").exists()
    assert not (mine.root / ".gitlab-ci.yml").exists()
    assert mine.read("README.md").startswith("# mine\n")
    lock = mine.read("requirements.lock")
    assert lock.startswith(pin(newer.wheel))
    assert ("\nkeras==4" in lock, lock.endswith("mine==1 --hash=sha256:0\n")) == (True, True)
    assert [newer.wheel.name] == [path.name for path in (mine.root / "wheels").iterdir()]
    assert "" == mine.git("status", "--porcelain")


def test_an_update_to_the_same_version_changes_nothing(mine, installed, newer):
    """Not even a commit; nor does a second one."""
    before = mine.git("rev-parse", "HEAD")
    assert "Litemill 0.1.0: nothing to update\n" == update(installed, mine)
    assert before == mine.git("rev-parse", "HEAD")

    update(newer, mine)
    assert "Litemill 0.2.0: nothing to update\n" == update(newer, mine)


def test_conflicts_are_marked_and_named_and_can_be_undone(mine, newer):
    """With status 1; nothing of the user's is lost either way, and a second try works."""
    mine.edit(MODEL, "A small convolutional network", "Our convolutional network")
    commit(mine)

    printed = update(newer, mine, status=1)

    assert f"Litemill 0.2.0: conflicts in {MODEL}; resolve, `git add` and `git commit`" in printed
    marked = mine.read(MODEL)
    assert ["<<<<<<< ", "=======", ">>>>>>> "] == re.findall(
        r"^[<>]{7} |^=======", marked, re.MULTILINE
    )
    assert "Our convolutional network" in marked
    assert "A tiny convolutional network" in marked
    assert "uncommitted changes; commit them first" in update(newer, mine, status=1)
    mine.git("reset", "--quiet", "--merge")
    assert "" == mine.git("status", "--porcelain")
    assert "Our convolutional network" in mine.read(MODEL)
    assert f"conflicts in {MODEL}" in update(newer, mine, status=1)
    mine.write(MODEL, marked.split("<<<<<<<")[0] + marked.split(">>>>>>>")[1].split("\n", 1)[1])
    commit(mine, "Resolve")
    assert "nothing to update" in update(newer, mine)


def test_a_file_in_the_way_stops_an_update(mine, newer):
    """It is named and stays; without it the same update works."""
    mine.write("stages/novelty.py", "mine\n")

    printed = update(newer, mine, status=1)

    assert 1 == len(printed.splitlines())
    assert "stages/novelty.py; fix that, then update again\n" in printed
    assert "mine\n" == mine.read("stages/novelty.py")
    assert "" == mine.git("status", "--porcelain", "--untracked-files=no")
    (mine.root / "stages/novelty.py").unlink()
    update(newer, mine)
    assert "Something new" in mine.read("stages/novelty.py")


def test_uncommitted_changes_stop_an_update(mine, newer):
    """They could not be told from the update's."""
    mine.edit("params.yaml", "sweeps: []", "sweeps: [default]")

    assert "uncommitted changes; commit them first" in update(newer, mine, status=1)

    assert "sweeps: [default]" in mine.read("params.yaml")


def test_a_project_in_a_folder_of_a_repository_is_updated(mine, newer, tmp_path):
    """And nothing beside it."""
    (tmp_path / "outer").mkdir()
    outer = Project(tmp_path / "outer")
    outer.git("init", "--quiet", "--initial-branch=main")
    shutil.copytree(mine.root, outer.root / "mine", ignore=shutil.ignore_patterns(".git"))
    outer.write("dvc.yaml", "theirs\n")
    outer.git("add", "--all", "--force")
    outer.git("commit", "--quiet", "--message", "Start")

    update(newer, Project(outer.root / "mine"))

    assert "theirs\n" == outer.read("dvc.yaml")
    assert "desc: Stop when" in outer.read("mine/dvc.yaml")


def test_a_wheel_that_is_not_in_the_project_comes_from_an_index(mine, newer, installed, tmp_path):
    """wheels/ can go where an index has it; else the update says what it lacks."""
    mine.git("rm", "--quiet", "-r", "wheels")
    commit(mine)
    env = newer.env | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}

    printed = update(newer, mine, status=1, env=env)
    shutil.copy(installed.wheel, tmp_path)
    update(newer, mine, env=env)

    assert "litemill 0.1.0 with the hash in requirements.lock is neither there nor on" in printed
    assert mine.read("requirements.lock").startswith(pin(newer.wheel))


def test_update_refuses_what_is_no_project(newer, tmp_path):
    """Such as an empty folder."""
    done = newer.litemill(tmp_path, "update")

    assert 1 == done.returncode
    assert "does not pin Litemill; expected a project that `litemill init` started\n" in done.stderr


def test_init_needs_neither_network_nor_clone(installed, tmp_path):
    """It runs where no address can be reached."""
    unshare = shutil.which("unshare")
    probe = [unshare, "--net", "--map-root-user", "true"] if unshare else ["false"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no network namespaces here")
    command = [unshare, "--net", "--map-root-user", installed.folder / "bin" / "litemill", "init"]
    done = subprocess.run(
        [*command, "mine"], cwd=tmp_path, env=installed.env, capture_output=True, check=False
    )

    assert 0 == done.returncode, done.stderr
