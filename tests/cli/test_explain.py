"""`litemill explain`, held against what DVC then does."""

from __future__ import annotations

import re
import sys

import pytest

pytestmark = pytest.mark.pipeline


def explain(project, *words, status=0):
    """Run the command in a project, with that project's code."""
    done = project.run(sys.executable, "-m", "litemill", "explain", *words)
    assert status == done.status, done.err
    return done.err if status else done.out


def foretold(text):
    """Give the stages of the overview that run for sure, and those that may."""
    sure = re.findall(r"^(\S+) +runs: ", text, re.MULTILINE)
    return sure, re.findall(r"^(\S+) +runs if ", text, re.MULTILINE)


def test_nothing_to_do_is_told_as_such(release):
    """Of the pipeline and of one stage."""
    assert "nothing: up to date\n" == explain(release)
    assert "nothing: up to date\n" == explain(release, "validate@int8")


def test_a_key_is_told_with_both_values_before_configure_has_run(release):
    """And the stages that only wait for it; then DVC runs no other."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: 30")
    before = release.read("build/params.json")

    told = explain(release, "validate@int8")
    sure, perhaps = foretold(explain(release))

    assert "  convert.int8.calibration.samples: 100 -> 30\n" in told
    assert "  build/convert/int8/model.tflite: convert@int8 may give another\n" in told
    assert before == release.read("build/params.json")
    assert ["configure", "convert@int8", "package"] == sure
    assert ["validate@int8", "report", "gate"] == perhaps
    assert sorted([*sure, *perhaps]) == sorted(release.repro().stages)


def test_files_are_named(release):
    """Also those of a folder, new ones too."""
    release.comment("litemill/report/gate.py")
    release.write("models/digits_cnn/parts.py", "SIZE = 1\n")

    assert "  its code: litemill/report/gate.py modified\n" in explain(release, "gate")
    assert "  models/digits_cnn: modified (models/digits_cnn/parts.py; " in explain(
        release, "train"
    )


@pytest.mark.slow
def test_modules_that_a_stage_imports_are_named(release):
    """Whose digests configure would write anew; then DVC runs no other stage."""
    release.comment("litemill/conversion/routes.py")

    sure, _ = foretold(explain(release))

    assert "  its code: litemill/conversion/routes.py modified\n" in explain(
        release, "convert@int8"
    )
    assert ["configure", "convert@float32", "convert@int8"] == sure
    assert sorted(sure) == sorted(release.repro().stages)


def test_a_lost_or_edited_output_is_named(release):
    """By its path, which is a target too."""
    (release.root / "build/gate/verdict.json").unlink()

    told = explain(release, "build/gate/verdict.json")

    assert "gate would run:\n  build/gate/verdict.json, which it makes: deleted\n" in told


def test_a_new_variant_was_never_built(release):
    """Its two stages; the others stay."""
    release.edit("params.yaml", "  - int8\n", "  - int8\n  - float16\n")

    told = explain(release, "convert")

    assert "convert@int8: up to date\n" in told
    assert "convert@float16 would run:\n  it was never built" in told


def test_a_command_of_another_wording_is_told(release):
    """DVC would run it for that alone."""
    release.edit("dvc.yaml", "python -m stages.gate", "python -m  stages gate")

    assert "its command in dvc.yaml is another" in explain(release, "gate")


def test_what_configure_would_refuse_is_told_as_it_would(release):
    """In the same line, with status 1."""
    release.edit("conf/variant/int8.yaml", "samples: 100", "samples: many")

    told = explain(release, status=1)

    assert (
        "conf/variant/int8.yaml: calibration.samples: found 'many'; expected a whole number\n"
        == told
    )


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("validte@int8", "validte@int8: no such stage; did you mean 'validate@int8'?\n"),
        ("build/report/index.htm", "no output of a stage; did you mean 'build/report/index.html'?"),
    ],
)
def test_an_unknown_target_is_told_with_the_nearest(release, target, told):
    """A stage or a path."""
    assert told in explain(release, target, status=1)
