from __future__ import annotations

import os
import signal
import sys
import time

import pytest
import yaml
from project import Project

pytestmark = pytest.mark.pipeline
PROGRAM = (
    "import sys; from litemill.cli.main import main; sys.argv = ['litemill', *sys.argv[1:]]; main()"
)


# The shape of the pipeline, with five variants and next to no work.
SMALL = """\
vars:
  - variants: [a, b, c, d, e]
stages:
  export:
    cmd: python step.py export
    outs: [export]
  convert:
    matrix:
      variant: ${variants}
    cmd: python step.py convert ${item.variant}
    deps: [export]
    outs:
      - convert/${item.variant}
  validate:
    matrix:
      variant: ${variants}
    cmd: python step.py validate ${item.variant}
    deps:
      - convert/${item.variant}
    outs:
      - validate/${item.variant}
  report:
    cmd: python step.py report
    deps: [validate/a, validate/b]
    outs: [report]
"""
STEP = """\
import sys, time
from pathlib import Path
name = "/".join(sys.argv[1:])
started = Path("started", name)
started.parent.mkdir(parents=True, exist_ok=True)
started.touch()
def wait(*others):
    until = time.monotonic() + 60
    while not all(Path(other).exists() for other in others):
        if time.monotonic() > until:
            sys.exit(f"{name}: waited in vain")
        time.sleep(0.02)
"""
DONE = """
Path(name).parent.mkdir(exist_ok=True)
Path(name).write_text(name)
"""


@pytest.fixture
def small(tmp_path):
    """Give a project of that shape; `step` says what its stages do before they are done."""
    (tmp_path / "small").mkdir()
    made = Project(tmp_path / "small")
    made.write("dvc.yaml", SMALL)
    made.write("build/params.json", '{"report": {"variants": ["a", "b", "c", "d", "e"]}}')
    made.write("step.py", STEP + DONE)
    assert 0 == made.dvc("init", "--quiet", "--no-scm").status
    return made


def order(project):
    """Give the names of the stages in dvc.lock, in its order."""
    return list(yaml.safe_load(project.read("dvc.lock"))["stages"])


def named(stage, variants):
    """Give the names of a stage's variants."""
    return [f"{stage}@{variant}" for variant in variants]


def litemill(project, *words):
    """Run the command in the project, with the project's own code."""
    return project.run(sys.executable, "-c", PROGRAM, *words)


@pytest.mark.slow
def test_variants_in_parallel_give_the_same_lock_as_one_after_the_other(release):
    """To the byte, in its order too; and plain `dvc repro` has nothing left to do."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n  - dynamic_range\n")
    release.repro()
    expected = release.read("dvc.lock"), release.built()
    release.git("checkout", "--quiet", "dvc.lock", "build/params.json")
    # Without DVC's run cache, which would answer for stages that have run once.
    release.run("rm", "-r", "build/convert", "build/validate", ".dvc/cache/runs")

    built = litemill(release, "build", "--jobs", "2")

    assert (0, set()) == (built.status, set(release.repro().stages))
    assert {"convert@float16", "validate@dynamic_range", "package"} <= set(built.stages)
    assert expected == (release.read("dvc.lock"), release.built())


def test_a_variant_that_fails_does_not_stop_the_others(release):
    """It is named at the end, the exit status is 1, and what was built is kept."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n")
    broken = "\nimport sys\nif 'int8' in sys.argv:\n    sys.exit('broken')\n"
    converter = "litemill/conversion/tflite_converter.py"
    release.write(converter, release.read(converter) + broken)

    built = litemill(release, "build", "-j", "2")

    assert 1 == built.status
    assert built.err.endswith("int8: failed; see its output above\n")
    assert "validate@float16" in built.stages
    assert "report" not in built.stages


@pytest.mark.parametrize("jobs", ["0", "many"])
def test_a_number_of_jobs_that_is_none_is_told(project, jobs):
    """As a wrong command line."""
    ran = litemill(project, "build", "-j", jobs)

    assert 2 == ran.status
    assert f"'{jobs}': expected a whole number from 1" in ran.err


def test_variants_run_at_the_same_time(small):
    """Each of these is done only when the other one has begun."""
    small.edit("dvc.yaml", "[a, b, c, d, e]", "[a, b]")
    small.write("build/params.json", '{"report": {"variants": ["a", "b"]}}')
    meet = "if name in ('convert/a', 'convert/b'): wait('started/convert/a', 'started/convert/b')\n"
    small.write("step.py", STEP + meet + DONE)

    built = litemill(small, "build", "-j", "2")

    assert (0, "") == (built.status, built.err)


def test_interrupted_build_starts_nothing_more_and_leaves_dvc_lock_in_order(small):
    """Ctrl-C ends what runs; the next build goes on, as if nothing had happened."""
    blocked = """
if name == "convert/a": wait("validate/b")
if name in ("convert/c", "convert/d"): wait("never")
"""
    small.write("step.py", STEP + blocked + DONE)
    started = small.root / "started" / "convert"

    build = small.start(sys.executable, "-c", PROGRAM, "build", "-j", "2")
    until = time.monotonic() + 100
    while not ((started / "c").exists() and (started / "d").exists()):
        assert build.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(build.pid, signal.SIGINT)
    _, err = build.communicate(timeout=60)

    assert 130 == build.returncode, err
    assert err.endswith("interrupted\n")
    assert not (started / "e").exists()
    assert ["export", *named("convert", "ab"), *named("validate", "ab")] == order(small)

    small.write("step.py", STEP + DONE)
    assert 0 == litemill(small, "build", "-j", "2").status
    expected = ["export", *named("convert", "abcde"), *named("validate", "abcde"), "report"]
    assert expected == order(small)


def test_status_that_dvc_cannot_tell_is_one_line(small):
    """Without a traceback; DVC has said why."""
    small.write("step.py", STEP + "Path('dvc.yaml').write_text('- none')\n" + DONE)

    built = litemill(small, "build", "-j", "2")

    assert 1 == built.status
    assert "Traceback" not in built.err
    assert built.err.splitlines()[-1].startswith("dvc status: ended with ")
