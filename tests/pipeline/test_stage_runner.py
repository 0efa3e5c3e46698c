from __future__ import annotations

import errno
import json
from dataclasses import dataclass, field

import pytest

from litemill.config.parameters import parameters, section, to_plain
from litemill.config.schema.prepare import Duplicates, Prepare, Split, Task
from litemill.config.schema.validate import Goal, Metric, Validate
from litemill.core.errors import ConfigError, ErrorGroup
from litemill.core.exit_status import run_and_exit


def raising(error):
    """Give a `main` that fails."""

    def main():
        raise error

    return main


def finished(main, capsys):
    """Give the exit status and standard error of a stage."""
    with pytest.raises(SystemExit) as exit_:
        run_and_exit(main)
    return exit_.value.code, capsys.readouterr().err


def test_run_ends_with_0_when_main_returns(capsys):
    """And says nothing."""
    assert (0, "") == finished(lambda: None, capsys)


def test_run_tells_what_a_user_can_mend_in_one_line(capsys):
    """No traceback."""
    error = ConfigError("params.yaml: model", "no 'x'", "did you mean 'y'?")

    assert (1, "params.yaml: model: no 'x'; did you mean 'y'?\n") == finished(
        raising(error), capsys
    )


def test_run_tells_all_of_several_failures(capsys):
    """One line each."""
    error = ErrorGroup([ConfigError("a", "b"), ConfigError("c", "d", "e")])

    assert (1, "a: b\nc: d; e\n") == finished(raising(error), capsys)


def test_run_tells_a_full_disk_in_one_line(capsys):
    """With the file that could not be written."""
    error = OSError(errno.ENOSPC, "No space left on device", "build/x")

    status, told = finished(raising(error), capsys)

    assert (1, "build/x: No space left on device; nothing was replaced\n") == (status, told)


def test_run_ends_with_130_when_interrupted(capsys):
    """As shells expect of Ctrl-C."""
    assert (130, "interrupted\n") == finished(raising(KeyboardInterrupt), capsys)


def test_run_lets_a_bug_show_its_traceback():
    """What only we can mend is not hidden."""
    with pytest.raises(ZeroDivisionError):
        run_and_exit(lambda: print(1 / 0))


def test_run_keeps_an_exit_status_of_its_own(capsys):
    """A command may end with any status."""

    def main():
        raise SystemExit(3)

    assert (3, "") == finished(main, capsys)


def test_an_error_never_has_more_than_one_line():
    """Whatever a library put into its message."""
    assert "a b: c d; e" == str(ConfigError("a\nb", "c\n  d", "e"))


def test_parameters_come_back_as_the_dataclass_they_were(tmp_path):
    """Enumerations, nested dataclasses and null included."""
    path = tmp_path / "params.json"
    split = {"seed": 3, "duplicates": "drop"}
    sections = {
        "prepare": {"load": {"_target_": "x"}, "task": "regression", "split": split},
        "validate": {"threads": 2, "metric": {"name": "m", "goal": "minimize"}},
        "other": {"validate": {"metric": None}},
    }
    path.write_text(json.dumps(sections))

    assert Prepare(
        load={"_target_": "x"},
        task=Task.regression,
        split=Split(seed=3, duplicates=Duplicates.drop),
    ) == parameters(Prepare, "prepare", path=path)
    assert Validate(threads=2, metric=Metric(name="m", goal=Goal.minimize)) == parameters(
        Validate, "validate", path=path
    )
    assert Validate(metric=None) == parameters(Validate, "other", "validate", path=path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file"),
        ('{"convert": {}}', "no key convert.int8"),
        ('{"convert": 3}', "no key convert.int8"),
        ("", "not JSON (Expecting value: line 1 column 1 (char 0))"),
    ],
)
def test_missing_parameters_are_an_error_that_names_configure(tmp_path, text, problem):
    """Whether the file, or the section in it, is missing or damaged."""
    path = tmp_path / "params.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(ConfigError) as refused:
        section("convert", "int8", path=path)

    error = refused.value
    assert (str(path), problem) == (str(error.place), error.found)
    assert "run `dvc repro configure` first" == error.expected


def test_words_are_what_yaml_can_hold():
    """Names for choices, mappings for dataclasses, at any depth."""

    @dataclass
    class Outer:
        """Any schema."""

        tasks: list[Task] = field(default_factory=lambda: [Task.none])
        split: Split = field(default_factory=Split)

    found = to_plain(Outer())

    assert ["none"] == found["tasks"]
    assert "refuse" == found["split"]["duplicates"]
