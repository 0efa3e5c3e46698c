from __future__ import annotations

import json
import subprocess
import sys

import pytest
from verdicts import measured

from litemill.core.errors import ReleaseError
from litemill.release.history import released_history
from litemill.report.assemble import assemble_report, write_report


def git(folder, *words):
    """Run Git in a folder."""
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def remember(folder, version, size):
    """Commit a release, as `litemill release --remember` and its user do."""
    numbers = {"sha256": version, "bytes": size, "metric": 0.9, "drop": 0.01, "agreement": 1.0,
               "snr_db": 30.0}  # fmt: skip
    content = {"name": "digits", "version": version, "metric": {"name": "top1", "goal": "maximize"},
               "variants": {"int8": numbers}}  # fmt: skip
    (folder / "released.json").write_text(json.dumps(content if version else {}))
    git(folder, "add", "released.json")
    git(folder, "commit", "--quiet", "--message", f"Release {version}")


@pytest.fixture
def project(tmp_path):
    """Return a repository that remembers two releases, of which one was released twice."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "T")
    git(tmp_path, "config", "user.email", "t@localhost")
    for version, size in (("", 0), ("1.0.0", 4096), ("1.1.0", 3072), ("1.1.0", 2048)):
        remember(tmp_path, version, size)
    return tmp_path


def litemill(folder, *words):
    """Run the program in a folder."""
    command = [sys.executable, "-m", "litemill", "report", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_history_is_what_commits_remember(project):
    """The oldest first; of a version the last content."""
    found = released_history(project)

    sizes = [(one["version"], one["variants"]["int8"]["bytes"]) for one in found]
    assert [("1.0.0", 4096), ("1.1.0", 2048)] == sizes
    assert all(len(one["commit"]) == 40 and len(one["date"]) == 10 for one in found)


def test_the_page_has_each_release_and_the_build(project):
    """And fetches nothing."""
    report = assemble_report([measured()], {}, "digits", version="1.2.0")
    write_report(report, project / "build" / "report")

    done = litemill(project, "--history")

    assert (0, "build/history.html: 2 releases\n") == (done.returncode, done.stdout)
    text = (project / "build" / "history.html").read_text("utf-8")
    for words in ("1.0.0", "1.1.0", "this build", "Accuracy", ">4.0<", ">2.0<"):
        assert words in text, words
    assert "http" not in text.replace("http-equiv", "")
    done = litemill(project)
    assert "digits 1.2.0: The variant passed.\nbuild/report/index.html\n" == done.stdout


def test_without_a_release_there_is_no_history(project):
    """One line says what writes it."""
    git(project, "checkout", "--quiet", "HEAD~3")

    with pytest.raises(ReleaseError, match="--remember"):
        released_history(project)
