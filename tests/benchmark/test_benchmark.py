from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import ai_edge_litert
import numpy as np
import pytest
import zoo
from packaged import converted, made

from litemill.benchmark import device_benchmark
from litemill.cli.main import parser
from litemill.core.errors import LitemillError

QUICK = ("--runs", "20", "--threads", "1")
DAMAGED = b"TFL3, and nothing after it"


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Return a build folder of two variants, up to the package."""
    models = {name: converted()[name] for name in ("float32", "int8")}
    return made(tmp_path_factory.mktemp("made") / "build", models)


@pytest.fixture
def bundle(build, tmp_path):
    """Return a release to take elsewhere."""
    return shutil.copytree(build / "package", tmp_path / "bundle")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a Python that has numpy and ai-edge-litert, and no other package."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for package in (np, ai_edge_litert):
        origin = Path(package.__file__).parent
        for path in [origin, *origin.parent.glob(f"{origin.name}*.libs")]:
            (site / path.name).symlink_to(path)
        for path in origin.parent.glob(f"{origin.name.replace('-', '_')}-*.dist-info"):
            (site / path.name).symlink_to(path)
    return folder / "bin" / "python"


def ran(python, program, *words, cwd):
    """Run a program outside of the project."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [python, program, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def test_a_release_measures_itself_with_numpy_and_litert_alone(bundle, bare, tmp_path):
    """As on a Raspberry Pi: nothing else can be imported, and nothing of the project is there."""
    without = ran(bare, "-c", "import yaml", cwd=tmp_path)
    assert "No module named 'yaml'" in without.stderr

    done = ran(bare, bundle / "benchmark.py", *QUICK, "--machine", "board", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads((tmp_path / "board.json").read_text())
    assert {"float32", "int8"} == set(found["variants"])
    assert found["machine"]["litert"] == device_benchmark.machine()["litert"] is not None
    manifest = json.loads((bundle / "manifest.json").read_text())["variants"]
    for name, one in found["variants"].items():
        assert manifest[name]["sha256"] == one["sha256"]
        assert (None, "samples", 1) == (one["error"], one["inputs"], one["batch"])
        (run,) = one["threads"]
        times = run["latency_ms"]
        assert 0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"]
        assert (1, 20) == (run["threads"], run["runs"])
        assert run["startup_ms"] >= times["min"]
        assert run["peak_kib"] > 0
        assert run["per_second"] > 0


def test_the_program_of_a_release_is_litemills_own(bundle):
    """One source, not two that drift apart."""
    assert Path(device_benchmark.__file__).read_bytes() == (bundle / "benchmark.py").read_bytes()


def test_operators_are_told_in_their_order_with_their_share(bundle, tmp_path):
    """From LiteRT's own profiler, which tells what XNNPACK made of them."""
    ran(sys.executable, bundle / "benchmark.py", "int8", *QUICK, "--machine", "m", cwd=tmp_path)
    one = json.loads((tmp_path / "m.json").read_text())["variants"]["int8"]

    assert one["unprofiled"] is None
    assert 1 == pytest.approx(sum(operator["share"] for operator in one["operators"]), abs=0.01)
    names = [operator["name"] for operator in one["operators"]]
    assert "Convolution" in next(name for name in names if "onvolution" in name)
    assert {"XNNPACK"} <= {operator["by"] for operator in one["operators"]}


def test_a_file_that_does_not_run_is_told_and_the_others_are_measured(build, tmp_path):
    """In one line; the exit status says so, too."""
    path = tmp_path / "damaged.tflite"
    path.write_bytes(DAMAGED)
    good = build / "convert" / "float32" / "model.tflite"
    cases = [
        {"variant": name, "model": str(model), "signature": None, "inputs": {}}
        for name, model in (("damaged", path), ("good", good))
    ]

    found = device_benchmark.measure_files(cases, [1], 20)["variants"]

    assert "\n" not in found["damaged"]["error"]
    assert ("threads" in found["good"], "threads" in found["damaged"]) == (True, False)
    assert "zeros" == found["good"]["inputs"]


def test_the_table_has_no_exponents_and_counts_samples(tmp_path, capsys):
    """A fast model answers a hundred thousand a second; a call of a fixed batch is several."""
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.file("fixed_batch"))
    case = {"variant": "fixed", "model": str(path), "signature": None, "inputs": {}}

    (run,) = device_benchmark.measure_files([case], [1], 20)["variants"]["fixed"]["threads"]

    heads, line = capsys.readouterr().out.splitlines()
    assert "samples/s" in heads
    assert "e+" not in line
    assert f"{run['per_second']:,.0f}" in line


@pytest.mark.parametrize("name", ["fixed_batch", "without_signature", "int16x8_io"])
def test_any_file_is_measured(name, tmp_path):
    """Batches that are fixed, files without a signature, integers of any width."""
    path = tmp_path / "model.tflite"
    path.write_bytes(zoo.file(name))
    case = {"variant": name, "model": str(path), "signature": None, "inputs": {}}

    found = device_benchmark.measure_files([case], [1], 20)["variants"][name]

    assert found["error"] is None


def test_a_changed_file_is_refused(bundle, tmp_path):
    """A result would not be of the release."""
    (bundle / "variants" / "int8.tflite").write_bytes(DAMAGED)

    done = ran(sys.executable, bundle / "benchmark.py", *QUICK, cwd=tmp_path)

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "int8.tflite: not the file that manifest.json describes" in done.stderr


def test_results_of_other_variants_are_kept_and_those_of_another_system_are_not(tmp_path):
    """One file is of one machine, with one runtime."""
    path = tmp_path / "m.json"
    new, old = {"machine": {"litert": "2"}}, {"machine": {"litert": "1"}}

    def write(found):
        return device_benchmark.write_results(path, found, device_benchmark.read_results(path))

    assert [] == write({**new, "variants": {"a": {"n": 1}, "b": {"n": 1}}})
    assert [] == write({**new, "variants": {"b": {"n": 2}}})
    assert {"a": {"n": 1}, "b": {"n": 2}} == json.loads(path.read_text())["variants"]
    assert ["a"] == write({**old, "variants": {"b": {"n": 3}}})
    assert {"b": {"n": 3}} == json.loads(path.read_text())["variants"]


@pytest.mark.parametrize(
    "content", ["<<<<<<< HEAD\n{}", "[]", "3", "{}", '{"variants": []}', b"\xff"]
)
def test_a_damaged_file_of_results_is_told_before_anything_is_measured(content, bundle, tmp_path):
    """It stays as it is: somebody may want to mend it."""
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "m.json").write_bytes(content)

    done = ran(sys.executable, bundle / "benchmark.py", *QUICK, "--machine", "m", cwd=tmp_path)

    assert (1, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert "m.json: " in done.stderr
    assert "mend or remove it" in done.stderr
    assert content == (tmp_path / "m.json").read_bytes()


def command(*words):
    """Parse as `litemill benchmark` does."""
    return parser("benchmark").parse_args(["benchmark", *words])


@pytest.fixture
def project(build, tmp_path, monkeypatch):
    """Stand in a project that was built up to its variants."""
    project = tmp_path / "project"
    shutil.copytree(build, project / "build")
    shutil.rmtree(project / "build" / "package")
    params = json.loads((project / "build" / "params.json").read_text())
    params["report"] = {"title": "t", "variants": ["float32", "int8"]}
    (project / "build" / "params.json").write_text(json.dumps(params))
    monkeypatch.chdir(project)
    return project


def test_the_command_measures_the_last_build_on_a_real_sample(project):
    """Variants that failed are there, too: their latency may be why."""
    asked = command("int8", *QUICK, "--machine", "here")
    assert 0 == asked.run(asked)

    found = json.loads((project / "measured" / "here.json").read_text())["variants"]
    assert ["int8"] == list(found)
    assert "samples" == found["int8"]["inputs"]


def test_the_command_refuses_a_damaged_file_of_results_in_one_line(project, capsys):
    """As the program of a release does."""
    (project / "measured").mkdir()
    (project / "measured" / "here.json").write_text("[]")

    asked = command("int8", *QUICK, "--machine", "here")
    with pytest.raises(LitemillError, match=r"^measured/here.json: not results of a benchmark; "):
        asked.run(asked)

    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "0"], "above 0"),
        (["--runs", "-3"], "above 0"),
        (["--runs", "many"], "above 0"),
        (["--machine", "../x"], "expected letters"),
        (["--threads", "0"], "above 0"),
        (["--threads", "1,many"], "above 0"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_it(words, message, capsys):
    """Before anything is measured."""
    with pytest.raises(SystemExit) as ended:
        command(*words)

    assert 2 == ended.value.code
    assert message in capsys.readouterr().err
