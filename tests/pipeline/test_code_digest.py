from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from project import ROOT

from litemill.core.errors import ConfigError
from litemill.pipeline.code_digest import Reached, modules, stage_digests
from litemill.pipeline.stage_table import STAGES

LATER = {name for name in STAGES if name != "configure"}
MODEL = {"train": Reached(["models.digits_cnn.build"], ["models/digits_cnn"])}
# In a process of its own, since Litemill digests the package that it is a part of.
PROGRAM = """\
import json, pathlib
from litemill.pipeline.code_digest import Reached, stage_digests
train = Reached(["models.digits_cnn.build"], ["models/digits_cnn"])
print(json.dumps(stage_digests(pathlib.Path.cwd(), {"train": train})))
"""


slow = partial(pytest.param, marks=pytest.mark.slow)


def digests(project, package=None):
    """Digest a project's code and the package's beside it, or in the folder `package`."""
    env = os.environ | {"PYTHONPATH": str(package or project), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def changed(project, file, text):
    """Append to a file, and return the stages whose digest changed."""
    before = digests(project)
    path = project / file
    path.write_text((path.read_text() if path.exists() else "") + text)
    after = digests(project)
    return {stage for stage in LATER if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("litemill/report/gate.py", {"gate"}),
        slow("litemill/report/chart.py", {"report"}),
        ("litemill/report/page/templates/page.css", {"report"}),
        slow("litemill/sweep/plot/templates/plot.html.j2", {"sweep"}),
        slow("litemill/data/splits.py", {"prepare"}),
        slow("litemill/conversion/routes.py", {"convert", "sweep"}),
        ("litemill/models/source_model.py", {"train", "export", "convert", "sweep"}),
        ("litemill/core/files.py", LATER),
        slow("litemill/core/atomic_files.py", set()),
        slow("litemill/core/errors.py", {"compile", "validate", "sweep"}),
        ("litemill/pipeline/stage_runner.py", set()),
        slow("litemill/runtime/worker_child.py", set()),
        slow("litemill/audit/audit_result.py", set()),
        slow("stages/convert.py", {"convert"}),
        ("models/digits_cnn/__init__.py", {"train"}),
        slow("models/diabetes_mlp/__init__.py", set()),
        slow("models/digits_cnn/weights.txt", {"train"}),
    ],
)
def test_an_edit_changes_the_digests_of_the_stages_that_it_can_reach(tree, file, stages):
    """However deep the imports are; of launchers and words of failures, hardly any."""
    assert stages == changed(tree, file, "\nADDED = 1\n")


def test_remarks_in_every_module_change_no_digest(tree):
    """Comments and layout; test_syntax_digest.py has docstrings."""
    before = digests(tree)
    for folder in ("litemill", "stages", "models", "data"):
        for path in (tree / folder).rglob("*.py"):
            path.write_text(path.read_text().replace("\n\n\n", "\n\n\n\n") + "\n# A remark.\n")

    assert before == digests(tree)


LATE = ("benchmark", "conversion", "evaluation", "report", "release", "sweep", "pipeline", "cli")


def test_code_that_converts_measures_reports_or_releases_never_retrains():
    """Train reaches no module of those layers, in this project either."""
    reached = modules("train", ROOT, ["models.digits_cnn.build", "keras.optimizers.Adam"])

    assert [] == [name for name in reached if name.startswith(tuple(f"litemill.{x}" for x in LATE))]
    assert {"litemill.training.fit", "models.digits_cnn", "stages.train"} <= set(reached)


def test_a_new_module_counts_as_soon_as_it_is_imported(tree):
    """Nobody lists it anywhere."""
    assert set() == changed(tree, "litemill/report/fresh.py", "VALUE = 1\n")

    assert {"gate"} == changed(
        tree, "litemill/report/gate.py", "\nfrom litemill.report import fresh\n"
    )

    assert {"gate"} == changed(tree, "litemill/report/fresh.py", "OTHER = 2\n")


def test_a_file_beside_the_modules_counts(tree):
    """Such as a template, in a folder of its own too; a README is read by nobody."""
    (tree / "litemill/report/page/templates/deep").mkdir()
    for name in ("page.css", "page.html.j2", "deep/new.txt"):
        edited = changed(tree, f"litemill/report/page/templates/{name}", "text\n")

        assert {"report"} == edited
    assert set() == changed(tree, "litemill/report/README.md", "text\n")


@pytest.mark.parametrize("how", ["moved", "linked"])
def test_the_digests_do_not_depend_on_where_the_package_is_installed(tree, tmp_path, how):
    """Nor on the folder of the project: they go into dvc.lock."""
    expected = digests(tree)
    site = tmp_path / "lib/site-packages"
    site.mkdir(parents=True)
    shutil.move(tree / "litemill", site / "litemill")
    if how == "linked":  # as lib64 is in many environments
        (tmp_path / "lib64").symlink_to(tmp_path / "lib")
        site = tmp_path / "lib64/site-packages"

    assert expected == digests(tree.rename(tmp_path / "elsewhere"), site)


def test_a_module_that_is_not_python_is_an_error_at_its_line(tree):
    """Before anything is built with it."""
    (tree / "stages/gate.py").write_text("def gate(:\n")

    with pytest.raises(ConfigError) as caught:
        stage_digests(tree, {})

    assert ("stages/gate.py:1", "not Python") == (caught.value.place, caught.value.found)


def test_every_module_that_a_digest_leaves_out_exists():
    """A name that no module has would leave out nothing."""
    from litemill.pipeline.code_digest import ERRORS, LAUNCHERS

    names = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in Path(ROOT, "litemill").rglob("*.py")
    }
    assert [] == [
        left_out
        for left_out in (*LAUNCHERS, ERRORS)
        if not any(name.startswith(left_out) for name in names)
    ]
