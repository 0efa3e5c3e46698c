from __future__ import annotations

import re
import sys

import pytest
from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.repo import Repo
from project import ROOT

from litemill.core.errors import LitemillError
from litemill.pipeline.lock_file import lock_damage, refuse_damaged_lock, shielded_lock

CONFLICT = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.0'\n>>>>>>> other\n"
PROGRAM = (
    "import sys; from litemill.cli import main; sys.argv = ['litemill', *sys.argv[1:]]; main.main()"
)


def is_read_by_dvc(folder):
    """Return whether DVC takes the dvc.lock of a folder."""
    with Repo(str(folder), uninitialized=True) as repo:
        try:
            Lockfile(repo, str(folder / LOCK_FILE)).load()
        except Exception:  # noqa: BLE001  # whatever its schema and its parser say
            return False
    return True


@pytest.mark.parametrize("content", ["", CONFLICT, "[1]\n", "schema: '2.0'\nstages: 3\n", "a"])
def test_a_damaged_lock_is_named_with_its_cure(tmp_path, content):
    """Git has the last one, and the run cache what was built since."""
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(LitemillError) as caught:
        refuse_damaged_lock(tmp_path)

    assert "dvc.lock" == caught.value.place
    assert caught.value.found.startswith("damaged (")
    assert "`git checkout dvc.lock`, then `dvc repro`" in caught.value.expected


def test_whole_and_absent_locks_pass(tmp_path):
    """Those of this project, and of none."""
    assert "" == lock_damage(ROOT) == lock_damage(tmp_path)


def test_what_dvc_refuses_of_a_truncated_lock_is_found_damaged(tmp_path):
    """Wherever it ends; and a hash that was cut, which DVC would believe."""
    whole = (ROOT / "dvc.lock").read_bytes()
    (tmp_path / "dvc.lock").write_bytes(whole)
    assert is_read_by_dvc(tmp_path)
    for end in range(1, len(whole), max(1, len(whole) // 150)):
        (tmp_path / "dvc.lock").write_bytes(whole[:end])

        assert lock_damage(tmp_path) or is_read_by_dvc(tmp_path), end
    end = re.search(rb"md5: [0-9a-f]{20}", whole).end()
    (tmp_path / "dvc.lock").write_bytes(whole[:end] + b"\n")
    assert lock_damage(tmp_path).endswith("is not whole")


@pytest.mark.parametrize("before", [None, "schema: '2.0'\n"])
def test_a_lock_that_is_damaged_inside_of_a_build_is_put_back(tmp_path, before, capsys):
    """Also where the build is interrupted; there was one before, or none."""
    path = tmp_path / "dvc.lock"
    if before:
        path.write_text(before)

    def interrupted():
        with shielded_lock(tmp_path):
            path.write_text("schema: '2.0'\nstages:\n  a:\n    cm")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert before == (path.read_text() if path.exists() else None)
    assert "dvc.lock: damaged while DVC wrote it" in capsys.readouterr().err


def test_a_whole_lock_is_left_alone(tmp_path, capsys):
    """The usual case."""
    path = tmp_path / "dvc.lock"
    with shielded_lock(tmp_path):
        path.write_text("schema: '2.0'\nstages: {}\n")

    assert "stages" in path.read_text()
    assert "" == capsys.readouterr().err


@pytest.mark.pipeline
def test_commands_tell_the_cure_and_it_works(release):
    """Whichever reads dvc.lock; after it, nothing is trained again."""
    whole = release.read("dvc.lock")
    cut = whole.index("md5: ", len(whole) // 2) + 12
    (release.root / "dvc.lock").write_text(whole[:cut])
    for words in (["build"], ["explain"], ["release"]):
        done = release.run(sys.executable, "-c", PROGRAM, *words)
        assert 0 != done.status, words
        assert "dvc.lock: damaged" in done.err, (words, done.err)
        assert "`git checkout dvc.lock`, then `dvc repro`" in done.err

    release.git("checkout", "dvc.lock")
    done = release.repro()
    assert "train" not in done.stages
    assert whole == release.read("dvc.lock")


@pytest.mark.pipeline
@pytest.mark.parametrize("name", ["build/params.json", "build/code.json"])
@pytest.mark.parametrize(
    "content",
    [CONFLICT, *(pytest.param(one, marks=pytest.mark.slow) for one in ("", "\0\xff", "[1]"))],
)
def test_damaged_generated_files_are_written_anew(release, name, content):
    """By `dvc repro`, as Git may leave them; and explain says so before."""
    whole = release.read(name)
    path = release.root / name
    path.unlink()
    path.write_text(content, encoding="latin-1")
    explained = release.run(sys.executable, "-c", PROGRAM, "explain")
    assert 0 == explained.status, explained.err
    assert "configure" in explained.out

    done = release.dvc("repro") if content else release.run(sys.executable, "-c", PROGRAM, "build")

    assert 0 == done.status, done.err
    assert whole == release.read(name)
    assert "train" not in done.stages
