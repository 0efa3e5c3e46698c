from __future__ import annotations

import ast
import hashlib
import json
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, SCRATCH

from stages.targets import closure, parsed
from stages.watched import dependencies

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
LIGHT = ["configure", "validate", "report", "gate", "package"]
# What a stage reaches by a `_target_`: no import tells.
REACHED = {"prepare": ["stages/loaders.py"], "validate": ["metrics/__init__.py"]}


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
        if any(not isinstance(node, ast.Expr) for node in parsed(ROOT / path, ROOT).body)
    }


def listed(name):
    """Give the sources among the deps of a stage: files, and folders of code."""
    deps = PIPELINE[name]["deps"]
    return [dep for dep in deps if dep.endswith(".py")], [dep for dep in deps if "." not in dep]


def imported(name):
    """Give the sources that a stage imports, and those that it reaches by a `_target_`."""
    start = [f"stages/{name}.py", *REACHED.get(name, [])]
    found = {path for file in start for path in closure(ROOT / file, ROOT)}
    return code(path.relative_to(ROOT) for path in found)


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_exactly_the_code_that_it_imports(name):
    """An edit of any other module reruns nothing."""
    files, folders = listed(name)

    expected = {file for file in imported(name) if file.split("/")[0] not in folders}
    assert sorted(expected) == sorted(code(files))


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_is_a_module_of_the_same_name(name):
    """Know one, know all."""
    assert f"python -m stages.{name}" == PIPELINE[name]["cmd"].partition(" ${item.")[0]
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
    expected = "build/params.yaml" if name == "configure" else f"build/{name}"

    assert all(path.startswith(expected) for path, _ in outs(PIPELINE[name]))


@pytest.mark.parametrize("name", PIPELINE)
def test_dependencies_are_listed_in_order_and_once(name):
    """So that a difference in review is one line."""
    deps = PIPELINE[name]["deps"]
    sources = [dep for dep in deps if dep.startswith("stages/")]

    assert sorted(set(sources)) == sources
    assert len(set(deps)) == len(deps)


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_every_parameter_that_it_reads(name):
    """And on no section that is not there; configure is the one that writes them."""
    resolved = yaml.safe_load((ROOT / "build/params.yaml").read_bytes())
    declared = [key for entry in PIPELINE[name].get("params", []) for key in entry.popitem()[1]]
    whole = name == "configure" or "build/params.yaml" in PIPELINE[name]["deps"]

    read = {key for key in _sections_read(name) if not whole}

    assert read <= {key.split(".")[0] for key in declared}
    assert {key.split(".")[0] for key in declared} <= set(resolved)


def _sections_read(name):
    tree = parsed(ROOT / "stages" / f"{name}.py", ROOT)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in ("parameters", "section"):
            words = [node.value for node in call.args if isinstance(node, ast.Constant)]
            yield from words[:1]


def test_the_lock_is_of_these_sources():
    """Otherwise a fresh clone builds anew and `git status` is not clean: run `dvc repro`."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_bytes())["stages"]
    items = {
        "variant": yaml.safe_load((ROOT / "params.yaml").read_bytes())["variants"],
        "sweep": yaml.safe_load((ROOT / "conf/sweeps.yaml").read_bytes())["sweeps"],
    }
    outdated = []
    for name, stage in PIPELINE.items():
        of = [item for kind in stage.get("matrix", {}) for item in items[kind]]
        for each in [f"{name}@{item}" for item in of] if "matrix" in stage else [name]:
            known = {dep["path"]: dep["md5"] for dep in lock[each]["deps"]}
            for file in listed(name)[0]:
                digest = hashlib.md5((ROOT / file).read_bytes()).hexdigest()  # noqa: S324
                if known.get(file) != digest:
                    outdated.append(f"{each}: {file}")

    assert [] == outdated


@pytest.mark.pipeline
@pytest.mark.parametrize("name", [name for name in PIPELINE if name != "sweep"])
def test_a_run_loads_and_opens_only_what_the_stage_depends_on(release, tmp_path, name):
    """The import graph, once more and independently: what really happens."""
    arguments = ["int8"] if "matrix" in PIPELINE[name] else []
    traced, out = str(ROOT / "tests" / "traced.py"), tmp_path / "traced.json"
    release.env["LITEMILL_WORKER"] = "0"
    done = release.run(sys.executable, traced, str(out), f"stages.{name}", *arguments)
    assert 0 == done.status, done.err
    found = json.loads(out.read_text())
    assert 0 == found["status"], done.err

    own = [path.replace("${item.variant}", "int8") for path, _ in outs(PIPELINE[name])]
    choices = {"model": "digits_cnn", "data": "digits", "item.variant": "int8"}
    known = [*dependencies(release.root, name, choices), release.root / "build/params.yaml"]
    known += [release.root / path for path in own] + [release.root / f"build/{name}"]
    if name == "package":  # the report, which it depends on, tells the digest of each file
        known += [release.root / "build/convert"]

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
