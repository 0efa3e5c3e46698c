"""`litemill sweep` and its stage on a real build: the stages' files, and none made twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import yaml
from edited import crashing

from litemill.config.schema.variant import Variant
from litemill.core.files import sha256
from litemill.sweep import points
from litemill.sweep.inputs import read_inputs
from litemill.sweep.store import Store

pytestmark = pytest.mark.pipeline

LITEMILL = (sys.executable, "-m", "litemill")
# Int8 as the build has it, with other samples, with more than there are; and what cannot be.
GRID = ("base=int8", "optimization=int8,none", "calibration.samples=100,20,999")
FILES = ("sweep.csv", "sweep.json", "sweep.parquet", "index.html")


@pytest.fixture(scope="module")
def swept(first_build, tmp_path_factory):
    """Sweep once over a built copy of the project; not to be edited."""
    project = first_build.copy(tmp_path_factory.mktemp("swept"))
    project.first = sweep(project, *GRID)
    return project


@pytest.fixture
def again(swept, tmp_path):
    """Return a copy of the swept project, to edit."""
    return swept.copy(tmp_path)


def sweep(project, *words, status=0, **variables):
    """Run `litemill sweep`."""
    project.env |= variables
    done = project.run(*LITEMILL, "sweep", *words)
    assert status == done.status, done.out + done.err
    return done


def result(project, name="grid"):
    """Return sweep.json."""
    return json.loads(project.read(f"build/sweeps/{name}/sweep.json"))


def rows(project, name="grid"):
    """Return the rows by optimization and number of samples."""
    found = result(project, name)["points"]
    keys = ("optimization", "calibration.samples")
    return {tuple(row["options"].get(key) for key in keys): row for row in found}


def kept(project):
    """Return the results that are kept, and when they were written."""
    return {
        path: path.stat().st_mtime_ns for path in (project.root / "build/.sweep").rglob("*.json")
    }


def test_a_point_is_the_file_that_the_stage_makes(swept):
    """The same bytes, and the same measurement."""
    row = rows(swept)["int8", 100]
    assert sha256(swept.root / "build/convert/int8/model.tflite") == row["sha256"]
    measured = json.loads(swept.read("build/validate/int8.json"))
    assert measured["metric"]["drop"] == row["drop"]
    assert measured["metric"]["variant"] == row["metric"]
    assert measured["outputs"]["digit"]["snr_db"] == row["snr_db"]
    assert measured["top1_agreement"]["digit"] == row["agreement"]
    assert ("done", "int8") == (row["status"], row["kind"])


def test_every_point_is_a_row_and_says_what_is_wrong_with_it(swept):
    """Combinations that make the same file are one row."""
    found = rows(swept)
    assert 4 == len(found)
    assert "calibration.samples: asks for 999 of 180 samples" in found["int8", 999]["error"]
    assert "input_type: int8 with optimization none; expected" in found["none", None]["error"]
    assert {"done": 2, "failed": 0, "refused": 2} == result(swept)["counts"]
    assert "6 points of int8: 2 done, 2 unsupported, 2 the same" in swept.first.out


def test_nothing_is_computed_again_and_the_result_has_the_same_bytes(again):
    """Not even TensorFlow is imported."""
    folder, before = again.root / "build/sweeps/grid", kept(again)
    found = {name: (folder / name).read_bytes() for name in FILES}
    code = "import sys; sys.modules['tensorflow'] = None\n"
    code += "from litemill.cli.main import main; main()"
    done = again.run(sys.executable, "-c", code, "sweep", *GRID)
    assert (0, "") == (done.status, done.err)
    assert found == {name: (folder / name).read_bytes() for name in FILES}
    assert before == kept(again)


def left(session):
    """List the processes of a session that still run a while later."""
    until = time.monotonic() + 10
    while (found := list(running(session))) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def running(session):
    """Yield the processes of a session; one that nobody waited for does not run."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, its = path.read_text().rpartition(")")[2].split()[:4]
            if its == str(session) and state != "Z":
                yield path.parent.name


def test_the_same_bytes_from_other_options_are_not_measured_again(again):
    """A file that needs no float operators is the same whether they are allowed or not."""
    before = kept(again)
    sweep(again, "--name", "twin", "base=int8", "float_fallback=true")
    (twin,) = result(again, "twin")["points"]
    assert ("done", rows(again)["int8", 100]["sha256"]) == (twin["status"], twin["sha256"])
    new = kept(again).keys() - before.keys()
    assert ["files"] == [path.parent.parent.name for path in new]
    assert before == {path: when for path, when in kept(again).items() if path in before}


def test_another_way_of_measuring_converts_nothing_again(again):
    """What is kept of a file is taken as it stands: here its kind, which is made up."""
    for path in (again.root / "build/.sweep/files").rglob("*.json"):
        path.write_text(path.read_text().replace('"kind":"int8"', '"kind":"made up"'))
    parameters = json.loads(again.read("build/params.json"))
    parameters["validate"]["batch_size"] = 60
    again.write("build/params.json", json.dumps(parameters))
    before = rows(again)
    sweep(again, *GRID)
    assert "made up" == rows(again)["int8", 100]["kind"]
    for key, row in rows(again).items():
        assert (before[key]["sha256"], before[key]["drop"]) == (row["sha256"], row["drop"])


def test_a_file_that_takes_its_process_down_is_a_row_with_its_size(again, monkeypatch):
    """As the stage measures it; the points beside it are done, and it is not tried again."""
    content = crashing((again.root / "build/convert/float32/model.tflite").read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.chdir(again.root)
    spoiled = points.make_point(Variant(), {"select_tf_ops": True}, lambda _: None).variant
    file = {"sha256": digest, "bytes": len(content), "kind": "float32"}
    Store().keep(digest, content)
    Store().put("files", read_inputs(Path("build")).conversion(spoiled), file)

    words = ("--name", "spoiled", "base=float32", "select_tf_ops=true,false")
    sweep(again, *words)
    dead, alive = result(again, "spoiled")["points"]
    assert ("failed", digest, len(content)) == (dead["status"], dead["sha256"], dead["bytes"])
    assert "the process that ran it was ended by SIGSEGV" == dead["error"]
    assert "done" == alive["status"]
    there = kept(again)
    sweep(again, *words)
    assert there == kept(again)


@pytest.mark.slow
def test_results_of_other_code_are_others(again):
    """Of the sweep itself too: what it asks the converter for, and what it measures."""

    def keys():
        code = "from pathlib import Path; from litemill.sweep.inputs import read_inputs;"
        code += "found = read_inputs(Path('build')); print(found.converting, found.measuring)"
        return again.run(sys.executable, "-c", code).out.split()

    before = keys()

    def change(name):
        again.write(name, again.read(name) + "\n_CHANGED = True\n")

    again.comment("litemill/sweep/conversion.py")
    assert before == keys()
    change("litemill/sweep/measuring.py")
    measured = keys()
    assert before[0] == measured[0]
    assert before[1] != measured[1]
    for name in ("sweep/conversion", "sweep/failure", "conversion/convert"):
        change(f"litemill/{name}.py")
        converted = keys()
        assert converted[0] not in (before[0], measured[0])
        before = converted


@pytest.mark.slow
def test_a_score_may_lie_beside_the_layers_of_the_model(again):
    """Of that package, the model brings what it needs; converting and measuring is one process."""
    again.write("models/layers.py", "class Mine: ...\n")
    again.write("models/scores.py", "from litemill.metrics import top1\nscore = top1\n")
    again.edit("build/params.json", '"litemill.metrics.top1"', '"models.scores.score"')
    brought = "build/train/imported"
    again.write(f"{brought}/code/models/__init__.py", "")
    again.write(f"{brought}/code/models/layers.py", "class Mine: ...\n")
    again.edit(
        f"{brought}/loading.json", '"custom_objects": []', '"custom_objects": ["models.layers"]'
    )
    before = rows(again)["int8", 100]
    sweep(again, "--name", "beside", "base=int8", "workers=1", "batch=null,1,2", "route=keras")
    found = result(again, "beside")
    assert {"done": 3, "failed": 0, "refused": 0} == found["counts"], found
    assert before["metric"] == found["points"][0]["metric"]


def test_another_toolchain_than_the_builds_is_refused(again):
    """Or what it makes would be kept as what the pinned one makes; `improve` has the same store."""
    before, found = kept(again), again.read("build/params.json")
    again.write("build/params.json", found.replace('"ai-edge-litert": "', '"ai-edge-litert": "1.'))
    done = sweep(again, "--name", "other", "batch=1", status=1)
    assert done.err.startswith("toolchain: ai-edge-litert: found 2.")
    assert 1 == len(done.err.splitlines())
    assert done.err == again.run(*LITEMILL, "improve", "int8").err
    assert before == kept(again)


@pytest.mark.parametrize(
    ("how", "status"),
    [pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow), (signal.SIGINT, 130)],
)
def test_a_sweep_that_is_ended_keeps_what_it_had(again, how, status):
    """The next one computes the rest, and only that; nothing that it started is left."""
    words = ("--name", "long", "base=int8", "workers=1", "calibration.samples=range(30,60)")
    before = kept(again)
    process = again.start(*LITEMILL, "sweep", *words)
    while len(kept(again)) < len(before) + 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    assert 2 <= len(list(running(process.pid)))  # itself, and what it started
    os.kill(process.pid, how)
    _, told = process.communicate()
    assert status == process.returncode
    assert "Traceback" not in told
    assert [] == left(process.pid)
    there = kept(again)
    assert not (again.root / "build/sweeps/long").exists()

    sweep(again, "--name", "long", "base=int8", "calibration.samples=30,31,32")
    assert there == {path: when for path, when in kept(again).items() if path in there}
    assert {"done": 3, "failed": 0, "refused": 0} == result(again, "long")["counts"]


def test_a_promoted_point_builds_as_it_was_tried(again):
    """`dvc repro` makes the very file."""
    row = rows(again)["int8", 20]
    told = sweep(again, "--promote", row["point"], "--as", "tiny").out
    assert "conf/variant/tiny.yaml written, tiny added to the variants" in told
    assert "tiny" == yaml.safe_load(again.read("params.yaml"))["variants"][-1]
    assert "convert@tiny" in again.repro("convert@tiny").stages
    assert row["sha256"] == sha256(again.root / "build/convert/tiny/model.tflite")


@pytest.mark.slow
def test_a_sweep_is_a_stage_when_it_is_asked_for(again):
    """`dvc repro sweep` runs it once, and its result is in dvc.lock."""
    assert [] == again.repro().stages
    grid = "[optimization=none, 'calibration.samples=20,100']"
    again.write("conf/sweep/mine.yaml", f"# Mine.\nbase: int8_float_io\ngrid: {grid}\n")
    again.edit("params.yaml", "sweeps: []", "sweeps: [mine]")
    assert ["configure", "sweep@mine"] == again.repro("sweep").stages
    assert ["package"] == again.repro().stages  # which carries build/params.json
    assert [] == again.repro().stages
    lock = yaml.safe_load(again.read("dvc.lock"))["stages"]
    assert ["build/sweep/mine"] == [out["path"] for out in lock["sweep@mine"]["outs"]]
    found = json.loads(again.read("build/sweep/mine/sweep.json"))["points"]
    assert [sha256(again.root / "build/convert/float32/model.tflite")] == [
        r["sha256"] for r in found
    ]
    told = sweep(again, "--promote", found[0]["point"], "--name", "mine", "--as", "its").out
    assert "conf/variant/its.yaml written" in told

    again.edit("conf/sweep/mine.yaml", "optimization=none", "optimization=int9")
    done = again.dvc("repro", "sweep")
    assert 0 != done.status
    told = "conf/sweep/mine.yaml: grid: optimization: found 'int9'; did you mean 'int8'?"
    assert told in done.err


@pytest.mark.slow
def test_dvc_does_not_take_a_sweep_that_failed_for_a_result(again):
    """Neither one without a point that is done, nor one with points that may fare better."""
    again.edit("params.yaml", "sweeps: []", "sweeps: [mine]")
    again.write("conf/sweep/mine.yaml", "base: int8\ngrid: ['calibration.samples=997,999']\n")
    done = again.dvc("repro", "sweep")
    assert 0 != done.status
    assert "sweep mine: none of 2 points is done; see their errors above" in done.err
    again.write(
        "conf/sweep/mine.yaml",
        "base: int8\ntimeout_seconds: 0.001\ngrid: ['calibration.samples=20,33']\n",
    )
    for _ in range(2):
        done = again.dvc("repro", "sweep")
        assert 0 != done.status
        assert "sweep mine: 1 of 2 points failed, perhaps by the machine's fault" in done.err
    again.edit("conf/sweep/mine.yaml", "timeout_seconds: 0.001\n", "")
    assert ["configure", "sweep@mine"] == again.repro("sweep").stages
    assert [] == again.repro("sweep").stages


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["optimisation=int8"], "command line: grid: optimisation: unknown option; did you mean"),
        (["limit=5", "batch=range(1,10)"], "command line: grid: 9 points, and the limit is 5; lim"),
        (["base=int9", "batch=1"], "command line: base: no variant 'int9'; did you mean 'int8'?"),
        (["search=smalest", "batch=1"], "command line: search: found 'smalest'; did you mean 'sma"),
        (["sweep=mine"], "conf/sweep/mine.yaml: no such file; expected one of: default"),
        (["engine=ray", "address=127.0.0.1:1", "batch=9"], "address=127.0.0.1:1: no Ray cluster"),
        (["engine=ray", "address=here", "batch=9"], "address=here: not an address; expected HOST"),
        (
            ["timeout_seconds=0", "batch=1"],
            "command line: timeout_seconds: found 0.0; expected more than 0",
        ),
        (["seed=1", "seed=2", "batch=1"], "command line: seed: is there twice; expected each set"),
        (["--limit", "3", "limit=4", "batch=1"], "command line: limit: is there twice; expected"),
        (["budget=9", "batch=1"], "command line: budget: has no part in a sweep with search=grid"),
        (["address=here:1", "batch=1"], "command line: address: has no part in a sweep with engi"),
        (["machine=phone", "batch=9"], "sweep.machine: no measured/phone.json; `litemill benchm"),
        (["--promote", "zz", "base=int8"], "command line: base=int8: a word for a sweep, beside"),
        (["--promote", "zz", "--limit", "3"], "command line: --limit: a word for a sweep, beside"),
        (["--promote", "zz", "--name", "no"], "build/sweeps/no: no result; run `litemill sweep`"),
        (["--name", "a/b", "batch=1"], "--name: 'a/b'; expected the name of a folder"),
        (["--promote", "zz"], "build/sweeps/grid/sweep.json: no point 'zz'; the front is "),
    ],
)
def test_bad_input_is_told_in_one_line(swept, words, told):
    """Exit status 1, at once, and nothing is touched."""
    before = swept.built()
    done = sweep(swept, *words, status=1)
    assert done.err.startswith(told)
    assert 1 == len(done.err.splitlines())
    assert before == swept.built()


MINE = """\
base: int8
grid: [input_type=float32, output_type=float32, 'calibration.samples=20,100']
"""


@pytest.mark.slow
def test_a_file_is_swept_and_the_command_line_says_some_of_it_anew(again):
    """Lines of its grid, and settings."""
    again.write("conf/sweep/mine.yaml", "# Mine.\n" + MINE)
    sweep(again, "sweep=mine")
    axes = ["input_type=float32", "output_type=float32"]
    told = result(again, "mine")
    assert [*axes, "calibration.samples=20,100"] == told["asked"]["grid"]
    assert {"done": 2, "failed": 0, "refused": 0} == told["counts"]
    before = kept(again)

    sweep(again, "sweep=mine", "base=int8_float_io", "calibration.samples=100", "--name", "anew")
    told = result(again, "anew")
    assert [*axes, "calibration.samples=100"] == told["asked"]["grid"]
    assert "int8_float_io" == told["asked"]["base"]["name"]
    assert 1 == len(told["points"])
    assert before == kept(again)  # what the two have in common is one point


def test_faults_are_told_where_they_stand(swept, tmp_path):
    """Some in the file, some on the command line."""
    project = swept.copy(tmp_path)
    project.write("conf/sweep/mine.yaml", "base: int9\nbudget: 0\n" + MINE.partition("\n")[2])
    done = sweep(project, "sweep=mine", "workers=0", "output_type=int9", status=1)
    starts = [line.partition(";")[0] for line in done.err.splitlines()]
    assert starts == [
        "conf/sweep/mine.yaml: budget: found 0",
        "command line: workers: found 0",
        "conf/sweep/mine.yaml: base: no variant 'int9'",
        "command line: grid: output_type: found 'int9'",
    ]


SPACE = ("base=int8", "optimization=int8,none", "calibration.samples=interval(20,40)")


@pytest.mark.slow
def test_a_random_search_tries_as_many_points_as_its_budget(again):
    """The same ones for the same seed, so that the second time nothing is left to compute."""
    words = (*SPACE, "search=random", "budget=3", "seed=5")
    told = sweep(again, *words).out
    assert "3 done, 1 unsupported" in told.splitlines()[0]
    before, points = kept(again), result(again)["points"]
    sweep(again, *words)
    assert (before, points) == (kept(again), result(again)["points"])


@pytest.mark.slow
def test_a_search_for_the_smallest_file_names_it(again):
    """The smallest of those that it tried within the drop; and says so where there is none."""
    words = (*SPACE, "per_channel_dense=true,false", "search=smallest", "budget=3", "seed=1")
    told = sweep(again, *words, "max_drop=0.5").out
    found = result(again)
    done = [row for row in found["points"] if row["status"] == "done"]
    assert 3 == len(done)
    best = next(row for row in done if row["point"] == found["winner"])
    within = [row["bytes"] for row in done if row["drop"] <= 0.5]
    assert min(within) == best["bytes"]
    assert f"Smallest within a drop of 0.5: {best['point']} ({best['bytes']:,} bytes, " in told
    page = again.read("build/sweeps/grid/index.html")
    assert f"Smallest within a drop of 0.5: {best['point']}" in page

    assert "No file within a drop of -9." in sweep(again, *words, "max_drop=-9").out
    assert result(again)["winner"] is None


def test_latencies_are_looked_at_before_anything_is_computed(again):
    """A foreign file in measured/ costs no sweep."""
    before = kept(again)
    again.write("measured/phone.json", '{"variants": {"int8": {}}}')
    done = sweep(again, "base=int8", "calibration.samples=77", "machine=phone", status=1)
    assert "measured/phone.json: not a result of a benchmark; expected" in done.err
    assert before == kept(again)


def test_a_full_disk_ends_a_sweep_in_one_line(again):
    """What was kept is still there."""
    before = kept(again)
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *LITEMILL, "sweep", "base=int8"]
    done = again.run(*limited, "calibration.samples=33")
    assert 1 == done.status
    assert 1 == len(done.err.splitlines())
    assert "File too large" in done.err
    assert before == {path: when for path, when in kept(again).items() if path in before}


def test_a_build_that_is_not_there_is_told(project):
    """And which command makes it."""
    done = sweep(project, *GRID, status=1)
    assert "build/export/saved_model: not built; run `dvc repro export` first\n" == done.err
