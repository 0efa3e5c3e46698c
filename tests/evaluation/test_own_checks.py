from __future__ import annotations

import sys

import pytest
from verdicts import measured

from litemill.core.errors import ConfigError
from litemill.evaluation import checks
from litemill.pipeline import configure
from litemill.pipeline.reached import reached

ONE = '''
from litemill.evaluation.outcome import at_most


def operators_max_{0}(measured, limit):
    """The file has at most this many operators."""
    return at_most(sum(row["count"] for row in measured["operators"]), limit, " operators")


def has_weights_{0}(measured):
    """The file has constants; always on."""
    return at_most(0 if measured["weights"] else 1, 0, " files without weights")


def _private(measured, limit):
    raise AssertionError


def helper(values, limit):
    raise AssertionError
'''


@pytest.fixture
def own(tmp_path, request):
    """Return a project with a module of checks, of names that no other test imports."""
    name = f"size_{abs(hash(request.node.name)) % 10**8}"
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/__init__.py").touch()  # or this repository's own package came first
    (tmp_path / "checks" / f"{name}.py").write_text(ONE.format(name))
    _forget_checks()
    yield tmp_path, name
    _forget_checks()
    if str(tmp_path) in sys.path:
        sys.path.remove(str(tmp_path))


def _forget_checks():
    """Remove the package of checks that this process has imported from some project."""
    for module in [m for m in sys.modules if m == "checks" or m.startswith("checks.")]:
        del sys.modules[module]


def test_the_checks_of_a_project_are_found_by_their_arguments(own):
    """Those with a limit are names that limits may have; nothing is imported for that."""
    project, name = own

    assert {f"operators_max_{name}"} == {*checks.check_names(project)} - {*checks.check_names()}


def test_the_checks_of_a_project_judge_beside_litemills(own):
    """With a limit where one is set, and always where they take none."""
    project, name = own
    variant = measured(operators=[{"name": "CONV_2D", "count": 3}], weights={"int8": {}})
    outcomes = checks.run_checks(variant, {f"operators_max_{name}": 2, "snr_db": 20}, project)

    assert ["finite", f"has_weights_{name}", f"operators_max_{name}", "runs", "snr_db"] == list(
        outcomes
    )
    failed = outcomes[f"operators_max_{name}"]
    assert "found 3 operators; expected at most 2" == failed.message
    assert (False, True) == (failed.passed, outcomes[f"has_weights_{name}"].passed)


@pytest.mark.parametrize("name", ["snr_db", "runs", "use_confidence_bound"])
def test_a_name_that_litemill_has_is_refused(tmp_path, name):
    """In one line that says where."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/mine.py").write_text(f"def {name}(measured, limit):\n    ...\n")

    with pytest.raises(ConfigError) as refused:
        checks.check_names(tmp_path)
    assert f"checks/mine.py:1: the check {name!r} is Litemill's already; expected another name" == (
        str(refused.value)
    )


def test_a_name_that_two_modules_have_is_refused(tmp_path):
    """Or the order of files would decide."""
    (tmp_path / "checks").mkdir()
    for module in ("a", "b"):
        (tmp_path / f"checks/{module}.py").write_text("def same(measured):\n    ...\n")

    with pytest.raises(ConfigError, match=r"checks/b\.py:1: the check 'same' is checks/a\.py's"):
        checks.check_names(tmp_path)


def test_a_module_that_is_no_python_is_refused(tmp_path):
    """With its line."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/mine.py").write_text("def wrong(:\n")

    with pytest.raises(ConfigError, match=r"^checks/mine\.py:1: not Python"):
        checks.check_names(tmp_path)


def test_the_code_of_own_checks_is_code_of_the_report_alone(tree):
    """An edit judges again; it measures and converts nothing."""
    from litemill.pipeline.code_digest import stage_digests as digests

    (tree / "checks").mkdir(exist_ok=True)
    file = tree / "checks/mine.py"
    file.write_text("def mine(measured, limit):\n    return 1\n")
    before = _digests(tree, digests)
    file.write_text("def mine(measured, limit):\n    return 2\n")
    after = _digests(tree, digests)

    assert {"report"} == {stage for stage in after if after[stage] != before[stage]}


def _digests(tree, digests):
    choices = {"data": "digits", "model": "digits_cnn"}
    sections = {
        "train": {"model": {"build": None, "function": None, "custom_objects": [], "file": None},
                  "fit": None},
        "prepare": {"load": {"_target_": "data.digits.load"}},
        "validate": {"metric": None},
        "compile": {},
    }  # fmt: skip
    return digests(tree, reached(sections, choices, tree))


def test_configure_takes_limits_of_own_checks_and_asks_for_their_folder(tree):
    """dvc.yaml has to name the folder, or an edit would judge nothing again."""
    from litemill.core.errors import LitemillError

    (tree / "checks").mkdir(exist_ok=True)
    (tree / "checks/mine.py").write_text("def mine(measured, limit):\n    ...\n")
    params = (tree / "params.yaml").read_text()
    if "overrides:" in params:
        params = params[: params.index("overrides:")]
    (tree / "params.yaml").write_text(params + "overrides: {limits: {mine: 3}}\n")
    named = (tree / "dvc.yaml").read_text()
    assert 1 == named.count("      - checks\n")
    (tree / "dvc.yaml").write_text(named.replace("      - checks\n", ""))

    with pytest.raises(LitemillError) as refused:
        configure.configure(tree)
    assert ["checks"] == [error.place for error in refused.value.errors]
    assert refused.value.errors[0].expected.startswith("add `- checks` to ")
    (tree / "dvc.yaml").write_text(named)

    sections = configure.configure(tree)
    assert {3} == {limits["mine"] for limits in sections["limits"].values()}
