from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, SCRATCH

from litemill.config.import_graph import closure, parse_module
from litemill.pipeline.code_digest import STAGES, WATCHED, digests, modules
from litemill.pipeline.dvc_dependencies import dependencies

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
LIGHT = ["configure", "validate", "report", "gate", "package"]
LATER = [name for name in PIPELINE if name != "configure"]


def outs(stage):
    """Give the outputs of a stage, of all kinds: (path, options)."""
    entries = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [(out, {}) if isinstance(out, str) else next(iter(out.items())) for out in entries]


def code(paths):
    """Leave out modules that have nothing but a docstring: editing them changes nothing."""
    found = {Path(path) for path in paths}
    return {
        path.as_posix()
        for path in found
        if any(not isinstance(node, ast.Expr) for node in parse_module(ROOT / path, ROOT).body)
    }


@pytest.mark.parametrize("name", LATER)
def test_a_stage_depends_on_the_digest_of_its_module_and_of_what_that_imports(name):
    """Which configure takes."""
    assert {ROOT / "stages" / "__main__.py", ROOT / f"stages/{name}.py"} <= {*modules(name, ROOT)}
    assert {"build/code.json": [name]} in PIPELINE[name]["params"]
    assert name in STAGES


def test_configure_depends_on_the_code_of_every_stage():
    """To digest it."""
    assert "stages" in PIPELINE["configure"]["deps"]
    found = {file for name in LATER for file in modules(name, ROOT)}
    assert {"stages"} == {file.relative_to(ROOT).parts[0] for file in found}


@pytest.mark.parametrize("name", LATER)
def test_a_stage_depends_on_the_folders_whose_code_it_imports(name):
    """The digest leaves them out."""
    imported = {path.relative_to(ROOT) for path in closure(ROOT / f"stages/{name}.py", ROOT)}
    folders = {path.parts[0] for path in imported} & set(WATCHED)

    assert folders <= {dep.split("/")[0] for dep in PIPELINE[name]["deps"]}


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_is_a_module_of_the_same_name(name):
    """Know one, know all."""
    assert f"python -m stages {name}" == PIPELINE[name]["cmd"].partition(" ${item.")[0]
    assert (ROOT / "stages" / f"{name}.py").is_file()


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_says_what_it_does(name):
    """For `dvc stage list`."""
    assert PIPELINE[name]["desc"]


@pytest.mark.parametrize("name", PIPELINE)
def test_every_output_persists(name):
    """DVC removes others before a stage runs, and bad input would lose what was there."""
    assert [] == [path for path, options in outs(PIPELINE[name]) if not options.get("persist")]


@pytest.mark.parametrize("name", PIPELINE)
def test_outputs_lie_in_the_folder_of_the_stage(name):
    """One word for stage, module and artifacts."""
    own = ("build/params.json", "build/code.json") if name == "configure" else (f"build/{name}",)

    assert all(path.startswith(own) for path, _ in outs(PIPELINE[name]))


@pytest.mark.parametrize("name", PIPELINE)
def test_dependencies_are_listed_once(name):
    """So that a difference in review is one line."""
    deps = PIPELINE[name]["deps"]

    assert len(set(deps)) == len(deps)


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_every_parameter_that_it_reads(name):
    """And on no section that is not there; configure is the one that writes them."""
    resolved = yaml.safe_load((ROOT / "build/params.json").read_bytes())
    entries = PIPELINE[name].get("params", [])
    declared = [key for entry in entries for key in entry.get("build/params.json", [])]
    whole = name == "configure" or "build/params.json" in PIPELINE[name]["deps"]

    read = {key for key in _sections_read(name) if not whole}

    assert read <= {key.split(".")[0] for key in declared}
    assert {key.split(".")[0] for key in declared} <= set(resolved)


def _sections_read(name):
    """Give the first keys that a stage asks the resolved parameters for, in its own modules."""
    for file in [ROOT / f"stages/{name}.py", *(ROOT / "stages").glob(f"{name}*/*.py")]:
        for node in ast.walk(parse_module(file, ROOT)):
            yield from _keys(node)


def _keys(node):
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        words = [key.value for key in node.args if isinstance(key, ast.Constant)]
        yield from words[:1] if node.func.id in ("parameters", "section") else []
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        yield from [node.slice.value] if ast.unparse(node.value) == "params" else []


def test_the_lock_is_of_these_sources():
    """Otherwise a fresh clone builds anew and `git status` is not clean: run `dvc repro`."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_bytes())["stages"]
    items = {
        "variant": yaml.safe_load((ROOT / "params.yaml").read_bytes())["variants"],
        "sweep": yaml.safe_load((ROOT / "conf/sweeps.yaml").read_bytes())["sweeps"],
    }
    current = digests(ROOT)
    outdated = []
    for name in LATER:
        of = [item for kind in PIPELINE[name].get("matrix", {}) for item in items[kind]]
        named = [f"{name}@{item}" for item in of] if "matrix" in PIPELINE[name] else [name]
        wanted = {name: current[name]}
        outdated += [each for each in named if lock[each]["params"]["build/code.json"] != wanted]

    assert [] == outdated


SWEEP = """\
base: int8
grid: [calibration.samples=33]
machine: here
"""


def asked(release, name):
    """Give the arguments of a stage; for a sweep, ask for one first."""
    if name != "sweep":
        return ["int8"] if "matrix" in PIPELINE[name] else []
    release.write("conf/sweep/mine.yaml", SWEEP)
    release.write("conf/sweeps.yaml", "sweeps: [mine]\n")
    release.write("measured/here.json", '{"machine": {}, "variants": {}}\n')
    done = release.stage("configure")
    assert 0 == done.status, done.err
    return ["mine"]


@pytest.mark.pipeline
@pytest.mark.parametrize("name", PIPELINE)
def test_a_run_loads_and_opens_only_what_the_stage_depends_on(release, tmp_path, name):
    """The import graph, once more and independently: what really happens."""
    arguments = asked(release, name)
    traced, out = str(ROOT / "tests" / "traced.py"), tmp_path / "traced.json"
    release.env["LITEMILL_WORKER"] = "0"
    done = release.run(sys.executable, traced, str(out), "stages", name, *arguments)
    assert 0 == done.status, done.err
    found = json.loads(out.read_text())
    assert 0 == found["status"], done.err

    def filled(path):
        return path.replace("${item.variant}", "int8").replace("${item.sweep}", "mine")

    own = [filled(path) for path, _ in outs(PIPELINE[name])]
    choices = {"model": "digits_cnn", "data": "digits", "item.variant": "int8"}
    known = [*dependencies(release.root, name, choices), release.root / "build/params.json"]
    known += [release.root / path for path in own] + [release.root / f"build/{name}"]
    if name in ("prepare", "train", "validate", "sweep"):  # they ask whether DVC watches it
        known += [release.root / path for path in ("dvc.yaml", "params.yaml")]
    if name == "train":  # it looks ahead at what would be refused later, and writes nothing of it
        known += [release.root / "build/prepare/data.json"]
    if name == "package":  # the report, which it depends on, tells the digest of each file
        known += [release.root / "build/convert"]
    if name == "sweep":  # it was computed in another process, from all that it is made of
        known += [release.root / "build/.sweep"]
        assert any(one.startswith("build/prepare/calibration/inputs") for one in found["opened"])

    def watched(path):
        return any(path == one or path.is_relative_to(one) for one in known)

    opened = found["opened"]
    if name == "configure":  # it looks for names in sources, and makes nothing of them
        opened = [file for file in opened if not file.endswith((".py", "dvc.yaml"))]
    read = {*found["files"], *opened}
    sources = {file for file in read if file.endswith(".py")}
    bytecode = {file for file in read if "__pycache__" in file}
    scratch = {file for file in read if file.startswith(SCRATCH)}
    wanted = code(sources) | (read - sources - bytecode - scratch)
    assert [] == sorted(file for file in wanted if not watched(release.root / file))
    if name in LIGHT:
        assert {"tensorflow", "keras"}.isdisjoint(found["modules"])
