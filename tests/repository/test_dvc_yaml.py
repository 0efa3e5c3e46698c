"""dvc.yaml, held against the table of stages, the modules, and what stages really read."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, SCRATCH

from litemill.config.import_graph import parse_module
from litemill.config.selection import read_selection
from litemill.pipeline.code_digest import LAUNCHERS, modules, stage_digests
from litemill.pipeline.configure import configure
from litemill.pipeline.dvc_dependencies import declared_dependencies
from litemill.pipeline.module_facts import CACHE as MODULES
from litemill.pipeline.reached import reached
from litemill.pipeline.stage_table import STAGES

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_bytes())["stages"]
LIGHT = ["configure", "validate", "report", "gate", "package"]
LATER = [name for name in PIPELINE if name != "configure"]


def outs(stage):
    """Return the outputs of a stage, of all kinds: (path, options)."""
    entries = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [(out, {}) if isinstance(out, str) else next(iter(out.items())) for out in entries]


def params(stage, file):
    """Return the keys of a parameter file that a stage depends on."""
    return [key for entry in stage.get("params", []) for key in entry.get(file, [])]


def test_the_stages_are_those_of_the_table():
    """Each is a module of the same name: know one, know all."""
    assert set(STAGES) == set(PIPELINE)
    for name, stage in PIPELINE.items():
        argument = "".join(f" ${{item.{axis}}}" for axis in stage.get("matrix", ()))
        assert f"python -m stages.{name}{argument}" == stage["cmd"]
        assert bool(argument) == (STAGES[name].argument is not None)
        assert (ROOT / "stages" / f"{name}.py").is_file()
        assert stage["desc"]  # for `dvc stage list`


def test_configure_depends_on_all_code_and_the_others_on_their_digest():
    """It takes the digests."""
    assert {"stages", "litemill", "models/${model}", "data/${data}"} <= {
        *PIPELINE["configure"]["deps"]
    }
    assert {name: [name] for name in LATER} == {
        name: params(PIPELINE[name], "build/code.json") for name in LATER
    }


def test_no_output_persists_but_those_of_configure():
    """`persist` switches off the run cache; configure is cheap, and its output committed."""
    persisting = {name for name in PIPELINE for _, on in outs(PIPELINE[name]) if on.get("persist")}

    assert {"configure"} == persisting
    assert not [path for name in LATER for path, on in outs(PIPELINE[name]) if "cache" in on]


@pytest.mark.parametrize("name", PIPELINE)
def test_outputs_lie_in_the_folder_of_the_stage(name):
    """One word for stage, module and artifacts."""
    own = ("build/params.json", "build/code.json") if name == "configure" else (f"build/{name}",)

    assert all(path.startswith(own) for path, _ in outs(PIPELINE[name]))


@pytest.mark.parametrize("name", PIPELINE)
def test_dependencies_are_listed_once(name):
    """So that a difference in review is one line."""
    deps = PIPELINE[name].get("deps", [])

    assert len(set(deps)) == len(deps)


@pytest.fixture(scope="module")
def resolved():
    """Resolve the parameters of this project."""
    return configure(ROOT)


@pytest.mark.parametrize("name", LATER)
def test_a_stage_depends_on_every_parameter_that_it_reads(name, resolved):
    """In the module that it calls; and on no section that is not there."""
    stage = PIPELINE[name]
    declared = {key.split(".")[0] for key in params(stage, "build/params.json")}
    whole = "build/params.json" in stage.get("deps", [])

    assert whole or {*_sections_read(_called_module(name))} <= declared
    assert declared <= set(resolved)


def _called_module(name):
    """Return the file of the package's module whose `run` the stage calls."""
    imports = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(parse_module(ROOT / f"stages/{name}.py", ROOT))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    [called] = [x for x in imports if x.startswith("litemill.") and ".pipeline." not in x]
    return ROOT / f"{called.replace('.', '/')}.py"


def _sections_read(file):
    """Return the first keys that a module asks the resolved parameters for."""
    for node in ast.walk(parse_module(file, ROOT)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            words = [key.value for key in node.args if isinstance(key, ast.Constant)]
            yield from words[:1] if node.func.id in ("parameters", "section") else []


def test_the_lock_is_of_these_sources(resolved):
    """Otherwise a fresh clone builds anew and `git status` is not clean: run `dvc repro`."""
    lock = yaml.safe_load((ROOT / "dvc.lock").read_bytes())["stages"]
    choices = yaml.safe_load((ROOT / "params.yaml").read_bytes())
    items = {"variant": choices["variants"], "sweep": choices["sweeps"]}
    current = stage_digests(ROOT, reached(resolved, read_selection(ROOT)))
    outdated = []
    for name in LATER:
        of = [item for axis in PIPELINE[name].get("matrix", {}) for item in items[axis]]
        named = [f"{name}@{item}" for item in of] if "matrix" in PIPELINE[name] else [name]
        expected = {name: current[name]}
        outdated += [each for each in named if lock[each]["params"]["build/code.json"] != expected]

    assert [] == outdated


SWEEP = """\
base: int8
grid: [calibration.samples=33]
machine: here
"""


def arguments_of(release, name):
    """Return the arguments of a stage; for a sweep, choose one first."""
    if name != "sweep":
        return ["int8"] if "matrix" in PIPELINE[name] else []
    release.write("conf/sweep/mine.yaml", SWEEP)
    release.edit("params.yaml", "sweeps: []", "sweeps: [mine]")
    release.write("measured/here.json", '{"machine": {}, "variants": {}}\n')
    done = release.stage("configure")
    assert 0 == done.status, done.err
    return ["mine"]


# What launchers import to check the toolchain, and to choose the environment of the worker. Where
# the environment can change outputs, because TensorFlow runs, the stage's digest has its code.
STARTING = ("litemill/config/lock.py", "litemill/config/toolchain.py")
ENVIRONMENT = (
    "litemill/config/parameters.py",
    "litemill/config/schema/__init__.py",
    "litemill/config/schema/numerics.py",
    "litemill/runtime/environment.py",
)


def allowed_code(release, name):
    """Return the files of code whose digest a stage depends on, and of what only starts it."""
    targets = reached(configure(release.root), read_selection(release.root))
    more = targets[name].targets if name in targets else []
    files = {str(file.relative_to(ROOT)) for file in modules(name, ROOT, more).values()}
    launchers = tuple(f"{module.replace('.', '/')}" for module in LAUNCHERS)
    tensorflow = "tensorflow" in (STAGES[name].toolchain or ())
    imported = STARTING if tensorflow else (*STARTING, *ENVIRONMENT)
    return files, ("litemill/core/errors.py", *launchers, *imported)


@pytest.mark.pipeline
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[] if n in ("convert", "report") else [pytest.mark.slow])
        for n in LATER
    ],
)
def test_a_run_loads_and_opens_only_what_the_stage_depends_on(release, tmp_path, name):
    """The import graph and dvc.yaml, once more and independently: what really happens."""
    arguments = arguments_of(release, name)
    traced, out = str(ROOT / "tests" / "traced.py"), tmp_path / "traced.json"
    release.env |= {"LITEMILL_WORKER": "0", "PYTHONPATH": str(release.root)}
    done = release.run(sys.executable, traced, str(out), f"stages.{name}", *arguments)
    assert 0 == done.status, done.err
    found = json.loads(out.read_text())
    assert 0 == found["status"], done.err

    digested, launchers = allowed_code(release, name)
    code = {file for file in found["files"] if file.endswith(".py")}
    unknown = {file for file in code - digested if not file.startswith(launchers)}
    if name == "train":  # its preflight imports what converts
        unknown = {
            file for file in unknown if not file.startswith(("litemill/conv", "litemill/conf"))
        }
    assert set() == {file for file in unknown if _has_code(release.root / file)}

    choices = {"item.variant": "int8", "item.sweep": "mine"}
    known = [release.root / path for path in _filled([*PIPELINE[name].get("deps", ())], choices)]
    known += [
        release.root / path for path in _filled([p for p, _ in outs(PIPELINE[name])], choices)
    ]
    known += [release.root / "build/params.json", release.root / f"build/{name}"]
    known += [release.root / "dvc.yaml"]  # a stage that left out an output of it fails
    known += declared_dependencies(release.root, {"model": "digits_cnn", "data": "digits"})
    if name == "train":  # it looks ahead at what would be refused later, and writes nothing of it
        known += [release.root / "build/prepare/data.json"]
    if name == "package":  # the report, which it depends on, has the digest of each file
        known += [release.root / "build/convert", release.root / "build/compile"]
    if name == "sweep":  # it was computed in another process; what is known of modules is a cache
        known += [release.root / "build/.sweep", release.root / MODULES]
        assert any(path.startswith("build/prepare/calibration/inputs") for path in found["opened"])
    opened = {file for file in found["opened"] if not file.startswith((SCRATCH, "litemill/"))}
    read = {release.root / file for file in opened if "__pycache__" not in file}
    read -= {file for file in read if file.suffix == ".py" and not _has_code(file)}
    assert [] == sorted(
        file for file in read if not any(file.is_relative_to(path) for path in known)
    )
    if name in LIGHT:
        assert {"tensorflow", "keras"}.isdisjoint(found["modules"])


def _filled(paths, choices):
    for key, value in choices.items():
        paths = [path.replace(f"${{{key}}}", value) for path in paths]
    return paths


def _has_code(file):
    """Return whether editing a module could change anything: a docstring alone could not."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(Path(file).read_text()).body)
