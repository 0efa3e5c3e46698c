from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.pipeline
PROGRAM = (
    "import sys; from litemill.cli import main; sys.argv = ['litemill', *sys.argv[1:]]; main()"
)


def litemill(project, *words):
    """Run the command in the project, with the project's own code."""
    return project.run(sys.executable, "-c", PROGRAM, *words)


def test_variants_in_parallel_give_the_same_lock_as_one_after_the_other(release):
    """To the byte, in its order too; and plain `dvc repro` has nothing left to do."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n  - dynamic_range\n")
    release.repro()
    expected = release.read("dvc.lock"), release.built()
    release.git("checkout", "--quiet", "dvc.lock", "build/params.yaml")
    release.run("rm", "-r", "build/convert", "build/validate")

    built = litemill(release, "build", "--jobs", "2")

    assert (0, set()) == (built.status, set(release.repro().stages))
    assert {"convert@float16", "validate@dynamic_range", "package"} <= set(built.stages)
    assert expected == (release.read("dvc.lock"), release.built())


def test_a_variant_that_fails_does_not_stop_the_others(release):
    """It is named at the end, the exit status is 1, and what was built is kept."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n")
    broken = "\nimport sys\nif 'int8' in sys.argv:\n    sys.exit('broken')\n"
    release.write("stages/options.py", release.read("stages/options.py") + broken)

    built = litemill(release, "build", "-j", "2")

    assert 1 == built.status
    assert built.err.endswith("int8: failed; see its lines above\n")
    assert "validate@float16" in built.stages
    assert "report" not in built.stages


@pytest.mark.parametrize("jobs", ["0", "many"])
def test_a_number_of_jobs_that_is_none_is_told(project, jobs):
    """As a wrong command line."""
    ran = litemill(project, "build", "-j", jobs)

    assert 2 == ran.status
    assert f"'{jobs}': expected a whole number from 1" in ran.err
