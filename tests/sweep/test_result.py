"""What a sweep keeps, finds and writes."""

from __future__ import annotations

import itertools
import random
import resource
import sys
from dataclasses import replace

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litemill.config.schema.variant import Calibration, Optimization, Variant
from litemill.conversion import grid
from litemill.core.errors import ConfigError, DataError
from litemill.core.files import write_json
from litemill.report.pareto import Candidate, pareto_front
from litemill.sweep import points, search, table
from litemill.sweep.connection import connect
from litemill.sweep.executor import Executor, PointResult
from litemill.sweep.inputs import SweepInputs
from litemill.sweep.promote import promote
from litemill.sweep.result import latencies
from litemill.sweep.store import Store
from litemill.sweep.summary import print_front, remarks
from litemill.sweep.task import Outcome

INT8 = Variant(optimization=Optimization.int8)
METRIC = {"name": "top1", "goal": "maximize", "output": "y", "source": 0.9}


@pytest.fixture
def inputs(tmp_path):
    """Return inputs of which only the digests matter."""
    split = {"samples": 100, "classes": None}
    return SweepInputs(tmp_path, "c", "s", "m", calibration=split, keras=True, quantizers={})


class Engine:
    """Makes up a file for each point: the more samples, the larger it is and the less it drops."""

    def __init__(self, turn=lambda tasks: tasks):
        self.turn, self.tasks = turn, []

    def run(self, tasks):
        """Compute in some order."""
        for task in self.turn(list(tasks)):
            self.tasks.append(task.point)
            yield task, made(task.variant)


def made(variant):
    """Make up a file."""
    size = variant.calibration.samples
    if size == 13:
        return Outcome(error="refused by the converter", lasting=True)
    if size == 17:
        return Outcome(error="its process was ended by SIGSEGV")
    drop = (50 - size) / 1000 + (0.001 if variant.per_channel_dense else 0)
    output = {"snr_db": None, "mean_abs_error": drop, "max_abs_error": 1.0}
    measured = {"error": None, "metric": METRIC | {"variant": 0.9 - drop, "drop": drop}}
    measured |= {"outputs": {"y": output}, "top1_agreement": {"y": 1.0}}
    return Outcome({"sha256": f"{size:064}", "bytes": size * 100, "kind": "int8"}, measured)


def grid_of(words, objection=lambda _: None):
    """Return the points of a grid over int8."""
    return points.Space(INT8, grid.parse_grid(words, "grid"), objection).points()


def test_nothing_is_computed_twice(tmp_path, inputs):
    """Neither in the same grid nor in another one that shares points, nor what is refused."""
    first, second = Engine(), Engine()
    Executor(inputs, Store(tmp_path), first).over(grid_of(["calibration.samples=10,13,20"]))
    words = ["calibration.samples=10,13,20,30", "per_channel_dense=true,false"]
    found = Executor(inputs, Store(tmp_path), second).over(grid_of(words))
    assert (3, 5) == (len(first.tasks), len(second.tasks))
    assert ["done", "done", "failed", "failed", *["done"] * 4] == [one.status for one in found]


def test_a_crash_is_tried_again_by_the_next_sweep(tmp_path, inputs):
    """It may have been the machine's; within one sweep it is not."""
    words, engine = ["calibration.samples=17"], Engine()
    course = Executor(inputs, Store(tmp_path), engine)
    assert course.over(grid_of(words)) == course.over(grid_of(words))
    assert 1 == len(engine.tasks)
    Executor(inputs, Store(tmp_path), engine).over(grid_of(words))
    assert 2 == len(engine.tasks)


@pytest.mark.parametrize("changed", ["converting", "calibrating", "measuring"])
def test_other_inputs_are_other_points(tmp_path, inputs, changed):
    """What was computed from something else is none of this."""
    engine = Engine()
    for each in (inputs, replace(inputs, **{changed: "other"})):
        Executor(each, Store(tmp_path), engine).over(grid_of(["calibration.samples=10"]))
    assert 2 == len(engine.tasks)


def test_other_calibration_samples_do_not_concern_a_file_without_calibration(inputs):
    """Its key is the same, while that of an int8 file is another."""
    other = replace(inputs, calibrating="other")
    assert inputs.conversion(Variant()) == other.conversion(Variant())
    assert inputs.conversion(INT8) != other.conversion(INT8)


def test_inputs_object_to_more_samples_than_there_are(inputs):
    """Before anything is converted."""
    variant = replace(INT8, calibration=Calibration(samples=101))
    assert "asks for 101 of 100 samples" in inputs.objection(variant)
    assert inputs.objection(replace(INT8, calibration=Calibration(samples=100))) is None


def test_a_damaged_result_counts_as_missing(tmp_path):
    """As after a power failure."""
    store = Store(tmp_path)
    store.put("files", "ab12", {"x": 1})
    path = next(tmp_path.rglob("*.json"))
    path.write_text(path.read_text()[:-3])
    assert store.get("files", "ab12") is None


def test_a_full_disk_keeps_what_was_kept(tmp_path):
    """And leaves no half of a result."""
    store, limits = Store(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    store.put("files", "ab12", {"x": 1})
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.put("files", "cd34", {"x": "y" * 200})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {"x": 1} == store.get("files", "ab12")
    assert 1 == len([path for path in tmp_path.rglob("*") if path.is_file()])


costs = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@given(st.lists(costs, max_size=12))
def test_the_front_is_what_no_point_beats(several):
    """By the definition, over all pairs; of equal points there is one."""
    names = [str(number) for number in range(len(several))]
    found = pareto_front([Candidate(n, one) for n, one in zip(names, several, strict=True)])
    by_name = dict(zip(names, several, strict=True))

    def beats(one, other):
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    best = {one for one in several if not any(beats(other, one) for other in several)}
    assert sorted(best) == [by_name[name] for name in found]


def test_the_tie_decides_between_equal_points():
    """Sizes and drops of many conversions are the same; the more exact one stands for them."""
    found = pareto_front([Candidate("a", (1.0, 0.0), 0.3), Candidate("b", (1.0, 0.0), 0.1)])
    assert ["b"] == found


def written(folder, inputs, turn):
    """Sweep and write; the bytes of each file."""
    words = ["calibration.samples=40,10,13,20", "per_channel_dense=true,false"]
    words.append("input_type=float32,int16")
    found = Executor(inputs, Store(folder / "store"), Engine(turn)).over(grid_of(words))
    made = table.table_rows(found, {f"{10:064}": 1.5})
    table.write_tables(folder, made, table.summary(made, found, {"base": {"name": "int8"}}))
    return {path.name: path.read_bytes() for path in folder.glob("sweep.*")}


def test_the_table_has_the_same_bytes_in_whatever_order_points_are_done(tmp_path, inputs):
    """CSV, JSON and Parquet."""
    one = written(tmp_path / "one", inputs, lambda tasks: tasks)
    other = written(tmp_path / "other", inputs, lambda tasks: tasks[::-1])
    assert {"sweep.csv", "sweep.json", "sweep.parquet"} == {*one}
    assert one == other


def test_the_table_has_a_row_for_each_point_and_says_what_is_wrong(tmp_path, inputs):
    """Errors and refusals too; the same columns in CSV and Parquet."""
    text = written(tmp_path, inputs, lambda tasks: tasks)["sweep.csv"].decode()
    rows = pyarrow.parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    assert 16 == len(rows)
    assert list(rows[0]) == text.splitlines()[0].split(",")
    assert {"done": 6, "failed": 2, "refused": 8} == {
        status: len(list(group))
        for status, group in itertools.groupby(sorted(row["status"] for row in rows))
    }
    assert all(row["error"] for row in rows if row["status"] != "done")
    assert [1.5, 1.5] == [row["latency_ms"] for row in rows if row["latency_ms"]]
    twins = {row["point"]: row["same_as"] for row in rows if row["same_as"]}
    assert 3 == len(twins)  # what Engine makes of per_channel_dense differs in drop alone


def tabled(folder, inputs, milliseconds):
    """Return the rows of four points, the smallest first, of which some were timed."""
    words = ["calibration.samples=10,20,30,40", "per_channel_dense=false"]
    found = Executor(inputs, Store(folder), Engine()).over(grid_of(words))
    # As good as the next smaller one, and so behind it until it turns out to be faster.
    found[2].measured["metric"]["drop"] = found[1].measured["metric"]["drop"]
    times = {f"{10 * (i + 1):064}": one for i, one in enumerate(milliseconds) if one is not None}
    return table.table_rows(found, times)


@pytest.mark.parametrize(
    ("milliseconds", "best"),
    [
        ((None, None, None, None), [10, 20, 40]),
        ((4.0, 3.0, 2.0, 1.0), [10, 20, 30, 40]),  # each larger one is faster
        ((1.0, 2.0, 3.0, 4.0), [10, 20, 40]),
        ((1.0, 2.0, 2.0, 4.0), [10, 20, 40]),
        ((None, 3.0, 2.0, None), [10, 20, 30, 40]),  # those that were timed are compared
        ((None, None, 2.0, None), [10, 20, 30, 40]),  # nobody knows whether 20 is as fast
        ((9.0, 9.0, None, 9.0), [10, 20, 40]),  # nor whether 30 is; it loses in what is known
    ],
)
def test_the_front_is_over_size_drop_and_latency(tmp_path, inputs, milliseconds, best):
    """A point that nobody timed keeps no other off the front by its speed, nor itself on it."""
    rows = tabled(tmp_path, inputs, milliseconds)
    assert best == [row["options"]["calibration.samples"] for row in rows if row["front"]]


def test_null_and_no_difference_are_two_cells(tmp_path):
    """As they are in JSON and in the terminal."""
    axes = grid.parse_grid(
        ["optimization=none,int8", "batch=1,null", "calibration.samples=20"], "grid"
    )
    found = [PointResult(one) for one in points.Space(Variant(), axes, lambda _: None).points()]
    made = table.table_rows(found, {})
    table.write_tables(tmp_path, made, {})
    rows = pyarrow.parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    cells = [(row["batch"], row["calibration.samples"]) for row in rows]
    assert [("1", None), ("null", None), ("1", "20"), ("null", "20")] == cells
    lines = (tmp_path / "sweep.csv").read_text().splitlines()[1:]
    assert ["none,1,,", "none,null,,", "int8,1,20,", "int8,null,20,"] == [
        ",".join([*line.split(",")[4:7], ""]) for line in lines
    ]


def test_a_search_draws_the_same_points_for_a_seed():
    """Others for another seed; as many as the budget, each once."""
    axes = grid.parse_grid(["calibration.samples=interval(1,1000)", "batch=1,2,null"], "grid")

    def names(seed):
        found = search.random_search(points.Space(INT8, axes, lambda _: None), budget=20, seed=seed)
        return [point.name for point in found]

    assert names(1) == names(1)
    assert names(1) != names(2)
    assert 20 == len({*names(1)})


def test_a_search_of_a_space_within_its_budget_tries_all_of_it():
    """Drawing would miss some."""
    axes = grid.parse_grid(["calibration.samples=interval(1,7)", "batch=1,null"], "grid")
    assert 14 == len(
        search.random_search(points.Space(INT8, axes, lambda _: None), budget=14, seed=0)
    )


FEW = ("optimization=none,int8", "calibration.samples=20,50,100", "input_type=int8,int16")


def test_a_space_of_no_more_points_than_the_budget_is_tried_as_a_whole():
    """Many combinations may be few points; those that cannot be made cost nothing."""
    axes = grid.parse_grid(FEW, "grid")
    every = search.exhaustive_search(points.Space(INT8, axes, lambda _: None), budget=3)
    assert 8 == len(every)
    assert 3 == search.makeable(every)
    assert search.exhaustive_search(points.Space(INT8, axes, lambda _: None), budget=2) is None
    assert every == search.random_search(points.Space(INT8, axes, lambda _: None), budget=3, seed=0)


def test_a_search_ends_where_it_comes_upon_nothing_new(tmp_path, inputs):
    """Neither known points nor those that cannot be made bring it nearer to its budget."""
    rounds, course = [], Executor(inputs, Store(tmp_path), Engine())

    def compute(asked):
        rounds.append(len(asked))
        return course.over(asked)

    axes = grid.parse_grid(FEW, "grid")
    asked = {"budget": 40, "seed": 0, "max_drop": 0.01}
    found = search.smallest_search(points.Space(INT8, axes, inputs.objection), compute, **asked)
    assert (8, 3) == (len(found), sum(one.status == "done" for one in found))
    assert len(rounds) < 2 * search.IDLE


def smallest(inputs, folder, turn, **options):
    """Search; what was found in the order of asking."""
    words = ["calibration.samples=interval(1,1000)", "per_channel_dense=true,false"]
    given = replace(inputs, calibration={"samples": 1000, "classes": None})
    course = Executor(given, Store(folder), Engine(turn))
    asked = {"budget": 40, "seed": 3, "max_drop": 0.01} | options
    axes = grid.parse_grid(words, "grid")
    return search.smallest_search(points.Space(INT8, axes, given.objection), course.over, **asked)


def test_the_search_finds_a_small_file_within_the_drop(tmp_path, inputs):
    """The smallest there is has 40 samples of 1000; what is too bad is soon left alone."""
    found = smallest(inputs, tmp_path, lambda tasks: tasks)
    best = search.best_point(found, 0.01)
    assert 40 == len(found)
    assert search.drop_of(best) <= 0.01
    assert 40 <= best.point.variant.calibration.samples < 100
    later = [search.drop_of(one) for one in found[20:]]
    assert sum(drop is not None and drop <= 0.01 for drop in later) >= 0.75 * len(later)


def test_the_search_goes_the_same_way_whichever_point_is_done_first(tmp_path, inputs):
    """Same seed, same points; another seed, others."""
    shuffled = random.Random(0)
    one = smallest(inputs, tmp_path / "1", lambda tasks: tasks)
    assert one == smallest(inputs, tmp_path / "2", lambda t: shuffled.sample(t, len(t)))
    assert one != smallest(inputs, tmp_path / "1", lambda tasks: tasks, seed=4)


def test_the_winner_of_equal_files_is_the_one_on_the_front(tmp_path, inputs):
    """The one that is nearer to the source."""

    class Equal(Engine):
        def run(self, tasks):
            for task in tasks:
                outcome = made(replace(task.variant, calibration=Calibration(samples=50)))
                error = task.variant.calibration.samples / 1000
                outcome.measured["outputs"]["y"]["mean_abs_error"] = error
                yield task, outcome

    words = ["calibration.samples=30,20,40", "per_channel_dense=false"]
    found = Executor(inputs, Store(tmp_path), Equal()).over(grid_of(words))
    rows = table.table_rows(found, {})
    best = search.best_point(found, 0.01).point
    assert 20 == best.variant.calibration.samples
    assert [best.name] == [row["point"] for row in rows if row["front"]]


def test_nothing_within_the_drop_has_no_winner():
    """Failed points and files without a metric are none either."""
    failed = PointResult(points.make_point(INT8, {}, lambda _: None), error="it crashed")
    assert search.best_point([failed], 1.0) is None


PARAMS = "# What is built.\nvariants: # these\n  - int8 # first\n  # the last one:\n  - float32\n"
AFTER = "\n# Below.\noverrides: {}\nnumerics: reproducible\n"


@pytest.fixture
def project(tmp_path, inputs):
    """Return a folder with params.yaml and a result."""
    (tmp_path / "conf/variant").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(PARAMS + AFTER)
    words = ["calibration.samples=40,13", "per_channel_dense=false"]
    found = Executor(inputs, Store(tmp_path / "store"), Engine()).over(grid_of(words))
    made = table.table_rows(found, {})
    table.write_tables(tmp_path, made, table.summary(made, found, {"base": {"name": "int8"}}))
    return tmp_path, [row["point"] for row in made]


def test_a_promoted_point_is_a_variant_and_chosen(project):
    """Its file says what is not the default; params.yaml keeps its comments and order."""
    root, (point, _) = project
    name, path = promote(point[:4], "small", root / "sweep.json", root)
    lines = (root / path).read_text().splitlines()
    assert ("small", "conf/variant/small.yaml") == (name, path.as_posix())
    assert "# int8 with calibration.samples=40 per_channel_dense=false." == lines[0]
    expected = ["optimization: int8", "calibration:", "  samples: 40", "per_channel_dense: false"]
    assert expected == lines[2:]
    assert PARAMS + "  - small\n" + AFTER == (root / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("variants: [int8, float32] # two\n", "variants: [int8, float32, small] # two\n"),
        ("variants:\n- int8 # one\nx: 1\n", "variants:\n- int8 # one\n- small\nx: 1\n"),
        ("variants:\n  - int8", "variants:\n  - int8\n  - small\n"),
    ],
)
def test_promotion_follows_the_style_of_the_list(project, before, after):
    """One line or several, indented or not, with or without a line end."""
    root, (point, _) = project
    (root / "params.yaml").write_text(before)
    promote(point, "small", root / "sweep.json", root)
    assert after == (root / "params.yaml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name", "told"),
    [
        (0, "int8", "params.yaml: variants: has 'int8' already; give another name by --as"),
        (0, "there", "conf/variant/there.yaml: exists already; give another name by --as"),
        (0, "../x", "--as: '../x'; expected letters"),
        (1, "x", "failed; refused by the converter"),
        (None, "x", "no point 'zzz'; the front is"),
    ],
)
def test_what_cannot_be_promoted_is_told_and_changes_nothing(project, number, name, told):
    """No variant is overwritten."""
    root, names = project
    (root / "conf/variant/there.yaml").write_text("optimization: none\n")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as raised:
        promote("zzz" if number is None else names[number], name, root / "sweep.json", root)
    assert told in str(raised.value)
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


PERCENTILES = {"p50": 0.25, "p90": 0.3, "p99": 0.4, "min": 0.2}
RUN = {
    "threads": 1,
    "per_second": 4000.0,
    "startup_ms": 1.0,
    "peak_kib": None,
    "latency_ms": PERCENTILES,
}


def test_latencies_are_those_of_the_machine_that_is_named(tmp_path, monkeypatch):
    """By the bytes of the file, with the first number of threads; failed runs have none."""
    monkeypatch.chdir(tmp_path)
    other = RUN | {"threads": 2, "latency_ms": PERCENTILES | {"p50": 0.1}}
    one = {"sha256": "a" * 64, "error": None, "threads": [RUN, other], "operators": []}
    variants = {"int8": one, "int16x8": {"sha256": "b" * 64, "error": "no kernel"}}
    (tmp_path / "measured").mkdir()
    write_json(tmp_path / "measured/phone.json", {"machine": {}, "variants": variants})

    assert {"a" * 64: 0.25} == latencies("phone")
    assert {} == latencies(None)
    with pytest.raises(ConfigError, match=r"no measured/fone.json; did you mean 'phone'\?"):
        latencies("fone")


@pytest.mark.parametrize("foreign", [[], {"variants": {"int8": {}}}, {"variants": {"int8": None}}])
def test_a_foreign_file_among_latencies_is_told(tmp_path, monkeypatch, foreign):
    """In one line, as the report tells it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "measured").mkdir()
    write_json(tmp_path / "measured/phone.json", foreign)
    with pytest.raises(DataError, match=r"measured/phone.json: not a result of a benchmark; exp"):
        latencies("phone")


def test_parquet_is_left_out_where_pyarrow_is_missing(tmp_path, inputs, monkeypatch, capsys):
    """The other tables are the same, an old one goes, and the summary names what installs it."""
    every = Executor(inputs, Store(tmp_path / "store"), Engine()).over(
        grid_of(["calibration.samples=10,20"])
    )
    rows = table.table_rows(every, {})
    options = ["calibration.samples"]
    asked = {"points": 2, "search": "grid", "base": {"name": "int8"}, "options": options}
    result = table.summary(rows, every, asked)
    folder = tmp_path / "result"
    table.write_tables(folder, rows, result)
    assert (folder / "sweep.parquet").is_file()
    before = (folder / "sweep.csv").read_bytes(), (folder / "sweep.json").read_bytes()

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    table.write_tables(folder, rows, result)
    print_front(result, folder)

    assert before == ((folder / "sweep.csv").read_bytes(), (folder / "sweep.json").read_bytes())
    assert ["sweep.csv", "sweep.json"] == sorted(path.name for path in folder.iterdir())
    *_, files, reason = capsys.readouterr().out.splitlines()
    assert f"All points: {folder}/sweep.csv, sweep.json, index.html" == files
    assert "sweep.parquet is left out; `pip install 'litemill[parquet]'` writes it" == reason


def test_an_option_without_effect_is_named():
    """A float file takes no calibration samples, whatever their number."""
    rows = [{"status": "done", "options": {"batch": 1}}, {"status": "done", "options": {}}]
    asked = {"base": {"name": "float32"}, "options": ["batch", "calibration.samples"]}
    expected = "calibration.samples makes no difference in these points of float32"
    assert [expected] == list(remarks({"points": rows, "asked": asked}))
    assert [] == list(remarks({"points": rows, "asked": asked | {"options": ["batch"]}}))


def test_ray_that_is_missing_is_refused_with_its_extra(monkeypatch):
    """Before an address is looked at."""
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(ConfigError) as caught:
        connect("127.0.0.1:1")

    assert ("engine=ray", "ray is not installed") == (caught.value.place, caught.value.found)
    assert "`pip install 'litemill[ray]'`, or engine=local" == caught.value.expected


def test_a_file_that_lost_a_channel_is_not_on_the_front():
    """However small it is, unless all have lost one."""
    outputs = {"y": {"snr_db": 48.0, "mean_abs_error": 0.1, "max_abs_error": 1.0}}

    def point(name, size, lost):
        measured = {"error": None, "metric": None, "outputs": outputs, "top1_agreement": {}}
        measured |= {"channels": {"y": {"count": 6, "lost": lost, "worst": []}}}
        file = {"sha256": name * 64, "bytes": size, "kind": "int8"}
        return PointResult(points.Point(name, INT8, {}, None), file, measured)

    for small, expected in ((0, ["a"]), (2, ["b"])):
        rows = table.table_rows([point("a", 100, small), point("b", 200, 0)], {})
        assert [small, 0] == [row["lost_channels"] for row in rows]
        assert expected == [row["point"] for row in rows if row["front"]]
    rows = table.table_rows([point("a", 100, 1), point("b", 200, 2)], {})
    assert ["a"] == [row["point"] for row in rows if row["front"]]
