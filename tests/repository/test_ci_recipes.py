"""The recipes of docs/ci/: each line of their scripts, run in a project that was just started.

What stands in for the services: an environment that is already there (`make environment` has
nothing to install), a program `gh` that keeps what it is given, and GitLab's API on loopback.
"""

from __future__ import annotations

import http.server
import re
import shutil
import threading
import urllib.parse

import pytest
import yaml
from clones import Installed, built_wheel, quick
from project import ROOT, Project

pytestmark = [pytest.mark.pipeline, pytest.mark.long]

GITHUB = yaml.safe_load((ROOT / "docs/ci/github.yaml").read_bytes())["jobs"]["release"]
GITLAB = yaml.safe_load((ROOT / "docs/ci/gitlab.yaml").read_bytes())["release"]
RUNS = {step["name"]: step["run"] for step in GITHUB["steps"] if "run" in step}
# Keeps what it is given, and the file that its last argument names.
GH = '#!/bin/sh\nfor last; do :; done\n{ echo "$@"; cat "$last"; } >> "$GH_LOG"\n'


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """Give a project with a DVC remote, as its owner pushed it; built by the recipe for GitHub."""
    folder = tmp_path_factory.mktemp("origin")
    project = Installed(folder / "env", built_wheel(ROOT, folder)).start(folder)
    project.write("requirements-dev.lock", "")  # its tools come from the tests' environment
    quick(project)
    (folder / "remote").mkdir()
    assert 0 == project.dvc("remote", "add", "--default", "store", str(folder / "remote")).status
    project.git("commit", "--quiet", "--all", "--message", "Share artifacts")
    project.summary, project.log = github(project, "Comment")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "Build")
    return project


def machine(project):
    """Give a project what a job's machine has: an environment from the cache, a program `gh`."""
    venv = project.root / ".venv"
    [wheel] = (project.root / "wheels").iterdir()
    Installed(venv, wheel)  # a real one: `make test` runs its pip
    (venv / ".ready").touch()
    gh = project.root.parent / "bin" / "gh"
    gh.parent.mkdir(exist_ok=True)
    gh.write_text(GH)
    gh.chmod(0o755)
    return project.env | {"PATH": f"{gh.parent}:{venv / 'bin'}:{project.env['PATH']}"}


def shell(project, script, env):
    """Run lines as the services do: the first that fails ends the script."""
    before, project.env = project.env, env
    done = project.run("bash", "-e", "-o", "pipefail", "-c", script)
    project.env = before
    return done


def github(project, *extra):
    """Run the steps that a push to main runs, and `extra` ones; give summary and output."""
    folder = project.root.parent
    names = ("GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GH_LOG")
    env = machine(project) | {name: str(folder / name) for name in names} | {"NUMBER": "7"}
    log = {}
    for name, script in RUNS.items():
        if name == "Comment" and name not in extra:
            continue
        done = shell(project, script, env)
        assert 0 == done.status, f"{name}: {done.out}{done.err}"
        log[name] = done.out
    return (folder / "GITHUB_STEP_SUMMARY").read_text(), log


def clone(origin, folder):
    """Clone a project as a job's machine does."""
    origin.git("clone", "--quiet", str(origin.root), str(folder / "mine"))
    return Project(folder / "mine")


def test_the_recipe_for_github_builds_judges_tests_and_tells(origin):
    """From a fresh project: every stage runs, its own tests pass, its verdicts are told."""
    assert "Running stage 'package'" in origin.log["Build and judge"]
    assert "2 passed" in origin.log["Test"]
    assert "| int8 |" in origin.summary
    comment = (origin.root.parent / "GH_LOG").read_text()
    assert comment.startswith("pr comment 7 --edit-last --body-file verdicts.md\n")
    assert origin.summary in comment
    assert str(origin.root / ".venv/bin") in (origin.root.parent / "GITHUB_PATH").read_text()


def test_what_was_shared_is_not_built_again(origin, tmp_path):
    """In a clone without any cache: it comes from the remote."""
    job = clone(origin, tmp_path)
    env = machine(job)

    for name in ("Fetch artifacts", "Build and judge"):
        done = shell(job, RUNS[name], env)
        assert 0 == done.status, done.out + done.err

    assert [] == done.stages
    assert "" == job.git("status", "--porcelain")


def cached_job(origin, folder):
    """Clone a project, with the cache that an earlier job has kept, and without a remote."""
    job = clone(origin, folder)
    shutil.copytree(origin.root / ".dvc/cache", job.root / ".dvc/cache")
    assert 0 == job.dvc("remote", "remove", "store").status
    return job


def test_a_second_job_builds_nothing(origin, tmp_path):
    """With the cache of the first one, and no remote."""
    job = cached_job(origin, tmp_path)
    env = machine(job)

    for name in ("Fetch artifacts", "Build and judge"):
        done = shell(job, RUNS[name], env)
        assert 0 == done.status, done.out + done.err

    assert ([], []) == (done.stages, done.cached)


def test_a_job_of_another_commit_trains_nothing_that_was_trained_before(origin, tmp_path):
    """The run cache is a part of the cache: here dvc.lock is of none of these files."""
    job = cached_job(origin, tmp_path)
    env = machine(job)
    job.git("rm", "--quiet", "dvc.lock")

    for name in ("Fetch artifacts", "Build and judge"):
        done = shell(job, RUNS[name], env)
        assert 0 == done.status, done.out + done.err

    assert ["configure"] == done.stages
    assert {"train", "package"} <= set(done.cached)


def test_a_failed_gate_fails_the_job_and_its_verdicts_are_told(origin, tmp_path):
    """The comment's step runs after a failure too."""
    job = clone(origin, tmp_path)
    env = machine(job) | {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    assert 0 == shell(job, RUNS["Fetch artifacts"], env).status
    job.edit("params.yaml", "snr_db: 1,", "snr_db: 300,")

    done = shell(job, RUNS["Build and judge"], env)

    assert 0 != done.status
    assert "int8.snr_db: found " in done.err
    assert 0 == shell(job, RUNS["Verdicts as Markdown"], env).status
    assert "fail" in (tmp_path / "summary").read_text().lower()
    always = [step for step in GITHUB["steps"] if step.get("name") == "Verdicts as Markdown"]
    assert "cancelled" in always[0]["if"]


def test_a_resolved_configuration_that_is_not_committed_fails_the_job(origin, tmp_path):
    """A review would not see what the edit means."""
    job = clone(origin, tmp_path)
    env = machine(job)
    job.edit("params.yaml", "epochs: 1", "epochs: 2")
    job.git("commit", "--quiet", "--all", "--message", "More epochs")
    assert 0 == job.stage("configure").status

    done = shell(job, RUNS["Is the resolved configuration committed?"], env)

    assert 0 != done.status
    assert '"epochs": 2' in done.out


@pytest.fixture
def api():
    """Give the address of an API and what was posted to it."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            posted.append((self.path, self.headers["PRIVATE-TOKEN"], urllib.parse.parse_qs(body)))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()


def test_the_recipe_for_gitlab_fetches_judges_tests_and_comments(origin, tmp_path, api):
    """Script and after_script in shells of their own, as GitLab runs them."""
    job, (address, posted) = clone(origin, tmp_path), api
    env = machine(job) | {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
    env |= {"CI_API_V4_URL": address, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "5"}
    env |= {"COMMENT_TOKEN": "t"}
    # The project's own tests ran above.
    lines = [line for line in GITLAB["script"] if line != "make test"]

    done = shell(job, "\n".join([*GITLAB["before_script"], *lines]), env)
    assert 0 == done.status, done.out + done.err
    assert [] == done.stages
    done = shell(job, "\n".join(GITLAB["after_script"]), env)

    assert 0 == done.status, done.err
    ((path, token, fields),) = posted
    assert ("/projects/3/merge_requests/5/notes", "t") == (path, token)
    assert "| int8 |" in fields["body"][0]


def test_both_recipes_hold_the_same_steps():
    """Each command that one has, the other has too."""
    scripts = ("before_script", "script", "after_script")
    lines = [line for part in scripts for line in GITLAB[part]]
    command = r"\b(?:make|dvc|litemill|git) \w+(?: --[\w-]+)*"

    found = [set(re.findall(command, "\n".join(text))) for text in (RUNS.values(), lines)]

    assert found[0] == found[1]
