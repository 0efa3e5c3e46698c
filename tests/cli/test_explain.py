"""`litemill explain`, held against what DVC then does."""

from __future__ import annotations

import re
import resource
import shutil
import sys

import pytest
from project import Project

pytestmark = pytest.mark.pipeline


def explain(project, *words, status=0):
    """Run the command in a project, with that project's code."""
    done = project.run(sys.executable, "-m", "litemill", "explain", *words)
    assert status == done.status, done.err
    return done.err if status else done.out


def predicted(text):
    """Return the stages of the overview that run for sure, and those that may."""
    sure = re.findall(r"^(\S+) +runs: ", text, re.MULTILINE)
    return sure, re.findall(r"^(\S+) +runs if ", text, re.MULTILINE)


def test_nothing_to_do(release):
    """Of the pipeline and of one stage."""
    assert "nothing: up to date\n" == explain(release)
    assert "nothing: up to date\n" == explain(release, "validate@int8")


def processor_seconds(call):
    """Return the processor time of the processes that a call starts; others may use it, too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_it_takes_no_longer_than_a_build_with_nothing_to_do(release):
    """By the fastest of some turns."""
    explained = [processor_seconds(lambda: explain(release)) for _ in range(3)]
    built = [processor_seconds(release.repro) for _ in range(3)]

    assert min(explained) <= 1.05 * min(built)


def test_a_key_is_shown_with_both_values_before_configure_has_run(release):
    """And the stages that only wait for it; then DVC runs no other."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 30")
    before = release.read("build/params.json")

    details = explain(release, "validate@int8")
    sure, perhaps = predicted(explain(release))

    assert "  convert.int8.calibration.samples: 100 -> 30\n" in details
    assert "  build/convert/int8/model.tflite: convert@int8 may change it\n" in details
    assert before == release.read("build/params.json")
    assert ["configure", "convert@int8", "package"] == sure
    assert ["validate@int8", "compile", "report", "gate"] == perhaps
    assert sorted([*sure, *perhaps]) == sorted(release.repro().stages)


@pytest.mark.slow
def test_edited_code_and_files_are_named(release):
    """Also those of a folder, new ones too; then DVC runs no other stage."""
    release.write("litemill/report/gate.py", release.read("litemill/report/gate.py") + "\nX = 1\n")
    release.write("models/digits_cnn/table.txt", "1\n")

    assert "  its code: litemill/report/gate.py modified\n" in explain(release, "gate")
    assert "  its data: other files\n" in explain(release, "train")
    assert "  models/digits_cnn: modified (models/digits_cnn/table.txt; " in explain(
        release, "configure"
    )
    sure, _ = predicted(explain(release))
    assert ["configure", "train", "gate"] == sure
    assert sure == release.repro().stages


def test_many_edited_modules_are_grouped_by_their_package(release):
    """A few names and a count, in the overview too."""
    names = sorted(path.name for path in (release.root / "litemill/report").glob("[a-z]*.py"))
    for name in names:
        path = f"litemill/report/{name}"
        release.write(path, release.read(path) + "\nX = 1\n")

    told = explain(release, "report")
    (line,) = [line for line in told.splitlines() if "litemill/report/: " in line]
    assert line.startswith(f"  its code: litemill/report/: {', '.join(names[:3])} and ")
    assert line.endswith(" more modified")
    assert 220 > max(map(len, explain(release).splitlines()))


def test_a_remark_in_code_runs_configure_alone(release):
    """The code that it digests is the same."""
    release.comment("litemill/conversion/routes.py")

    assert (["configure"], []) == predicted(explain(release))


def test_a_lost_output_is_restored_from_the_cache(release):
    """By its path, which is a target too; DVC runs nothing."""
    (release.root / "build/gate/verdict.json").unlink()

    assert (
        "gate is restored:\n  build/gate/verdict.json is missing, and in the cache\n"
        "`dvc checkout` restores what is in the cache\n"
    ) == explain(release, "build/gate/verdict.json")
    assert ([], []) == predicted(explain(release))
    assert [] == release.repro().stages


def test_an_edited_output_is_named(release):
    """With the stage that makes it."""
    release.write("build/report/report.md", "other")

    assert "report runs:\n  build/report/report.md, an output: modified\n" in explain(
        release, "report"
    )


def test_a_clone_before_the_pull_is_told_to_pull(release, tmp_path):
    """And after it, there is nothing to do."""
    assert 0 == release.dvc("remote", "add", "--default", "store", str(tmp_path / "store")).status
    release.git("commit", "--quiet", "--all", "--message", "Share")
    assert 0 == release.dvc("push").status
    clone = Project(tmp_path / "clone")
    release.git("clone", "--quiet", str(release.root), str(clone.root))

    before = explain(clone)

    assert re.search(
        r"^\d+ outputs .* `dvc pull` fetches what was pushed\n\Z", before, re.MULTILINE
    )
    assert re.search(r"^train +runs: build/train/model.keras is missing", before, re.MULTILINE)
    assert "never built" not in before
    assert 0 == clone.dvc("pull").status
    assert "nothing: up to date\n" == explain(clone)


@pytest.mark.slow
def test_a_clone_with_a_cache_is_told_to_check_out(release, tmp_path):
    """As a job of continuous integration begins."""
    clone = Project(tmp_path / "clone")
    release.git("clone", "--quiet", str(release.root), str(clone.root))
    shutil.copytree(release.root / ".dvc/cache", clone.root / ".dvc/cache")

    before = explain(clone)

    assert before.endswith("\n`dvc checkout` restores what is in the cache\n")
    assert ([], []) == predicted(before)


@pytest.mark.slow
def test_data_that_dvc_tracks_is_up_to_date(release):
    """A `.dvc` file is no stage that could never have been built; edited data is named."""
    release.write("data/digits/extra.csv", "1,2\n")
    assert 0 == release.dvc("add", "data/digits/extra.csv").status
    release.repro()
    assert "nothing: up to date\n" == explain(release)

    release.write("data/digits/extra.csv", "3,4\n")

    overview = explain(release)
    assert "tracked data: data/digits/extra.csv, an output: modified\n" in overview
    assert (["configure", "prepare"], ["train"]) == (
        predicted(overview)[0],
        predicted(overview)[1][:1],
    )
    assert ["configure", "prepare"] == release.repro().stages


def test_a_new_variant_was_never_built(release):
    """Its two stages; the others stay."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n")

    details = explain(release, "convert")

    assert "convert@int8: up to date\n" in details
    assert "convert@float16 runs:\n  never built" in details


def test_another_command_is_a_reason(release):
    """DVC would run it for that alone."""
    release.edit("dvc.yaml", "python -m stages.gate", "python  -m stages.gate")

    assert "its command or outputs in dvc.yaml changed" in explain(release, "gate")


def test_what_configure_would_refuse_is_the_same_line(release):
    """With status 1."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: many")

    assert explain(release, status=1) == release.stage("configure").err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("validte@int8", "validte@int8: no such stage; did you mean 'validate@int8'?\n"),
        ("build/report/index.htm", "no output of a stage; did you mean 'build/report/index.html'?"),
    ],
)
def test_an_unknown_target_is_refused_with_the_nearest(release, target, message):
    """A stage or a path."""
    assert message in explain(release, target, status=1)
