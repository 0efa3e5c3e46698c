"""Grids and the points that they have."""

from __future__ import annotations

import pytest

from litemill.config.schema.variant import Calibration, Optimization, Selection, Variant
from litemill.conversion import grid
from litemill.core.errors import ConfigError, LitemillError
from litemill.sweep import points

INT8 = Variant(optimization=Optimization.int8)


def values(word):
    """Return the values of one option."""
    return grid.parse_grid([word], "grid")[0].values


def no_objection(variant):
    """Allow whatever can be expressed."""


def names(words, base=INT8):
    """Return what the grid says of each point."""
    found = points.Space(base, grid.parse_grid(words, "grid"), no_objection).points()
    return [point.options for point in found]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("calibration.samples=20,50", (20, 50)),
        ("calibration.samples=50,20,50", (50, 20)),
        ("calibration.samples=range(20,101,40)", (20, 60, 100)),
        ("batch=1,null", (1, None)),
        ("per_channel_dense=true,false", (True, False)),
        ("optimization=int8", (Optimization.int8,)),
        ("optimization=glob(int*)", (Optimization.int8, Optimization.int16x8)),
        ("calibration.selection=choice(random,first)", (Selection.random, Selection.first)),
        ("custom_ops=[],[A,'B C']", ([], ["A", "B C"])),
        ("calibration.samples=sort(3,1,2)", (1, 2, 3)),
    ],
)
def test_options_have_values_in_the_grammar_of_hydra(word, expected):
    """Choices, ranges, globs and lists; each value once, in the order of the grid."""
    assert expected == values(word)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "grid: an empty grid; expected options such as batch=1,4"),
        (["batch=range(3,3)"], "grid: batch=range(3,3): no values; expected at least one"),
        (["optimisation=int8"], "grid: optimisation: unknown option; did you mean 'optimization'?"),
        (["samples=1"], "grid: samples: unknown option; did you mean 'calibration.samples'?"),
        (["limits.snr_db=1"], "grid: limits.snr_db: unknown option; expected one of"),
        (["optimization=in8"], "grid: optimization: found 'in8'; did you mean 'int8'?"),
        (["batch=1,x"], "grid: batch: found 'x'; expected a whole number or null"),
        (["batch=true"], "grid: batch: found True; expected a whole number or null"),
        (["batch=${x},1"], "grid: batch=${x},1: an interpolation, and a grid is read without"),
        (["custom_ops=[a,'${now:%Y}']"], "grid: custom_ops=[a,'${now:%Y}']: an interpolation"),
        (
            ["calibration.samples=1.5"],
            "grid: calibration.samples: found 1.5; expected a whole numb",
        ),
        (["batch=1", "batch=2"], "grid: batch: is there twice; expected each option once"),
        (["+batch=1"], "grid: +batch=1: no choice of values; expected OPTION=VALUES"),
        (["batch=1,,2"], "grid: batch=1,,2: "),
        (["batch"], "grid: batch: missing EQUAL"),
        (["batch=range(1,2,0)"], "grid: batch=range(1,2,0): "),
        (["batch=range(0,1000000)"], "grid: batch: a range of 1,000,000 values; expected at most"),
        (["route=interval(1,2)"], "grid: route: an interval for an option that is no number"),
        (["batch=glob(*)"], "grid: batch: a glob for an option that is no choice of words"),
        (
            ["batch=shuffle(range(1,9))"],
            "grid: batch=shuffle(range(1,9)): a shuffle, and points ar",
        ),
        (["batch=shuffle(3,1)"], "grid: batch=shuffle(3,1): a shuffle, and points are tried and"),
        (
            ["batch=tag(x,choice(1,2))"],
            "grid: batch=tag(x,choice(1,2)): a tag, which means nothi",
        ),
        (["batch=range(1,3),7"], "grid: batch=range(1,3),7: range() among other values; expected "),
        (["recipe=nothing"], "grid: recipe: no recipe 'nothing'; expected one of"),
    ],
)
def test_a_wrong_grid_is_told_in_one_line(words, told):
    """What was found where, and what was expected."""
    with pytest.raises(LitemillError) as raised:
        grid.parse_grid(words, "grid")
    assert str(raised.value).startswith(told)
    assert "\n" not in str(raised.value)


def test_every_fault_of_a_grid_is_told():
    """Not only the first."""
    with pytest.raises(LitemillError) as raised:
        grid.parse_grid(["bath=1", "route=keras,kera", "batch=2"], "grid")
    assert 2 == len(str(raised.value).splitlines())


def test_a_line_is_told_where_it_stands():
    """Some are in a file, others on the command line."""
    words = ["bath=1", "optimization=int9", "batch=1", "batch=2"]
    places = {"bath=1": "file: grid", "optimization=int9": "file: grid"}
    with pytest.raises(LitemillError) as raised:
        grid.parse_grid(words, "command line: grid", None, places)
    starts = [line.partition(";")[0] for line in str(raised.value).splitlines()]
    assert starts == [
        "file: grid: bath: unknown option",
        "file: grid: optimization: found 'int9'",
        "command line: grid: batch: is there twice",
    ]


def test_a_grid_beyond_the_limit_is_refused_before_it_is_written_out():
    """With its size, and what allows it."""
    words = ["calibration.samples=range(1,99999)", "calibration.seed=range(0,99999)"]
    with pytest.raises(ConfigError, match=r"9,999,700,002 points, and the limit is 1,000; limit=9"):
        grid.parse_grid(words, "grid", 1000)


def test_points_come_in_the_order_of_the_grid():
    """The last option turns fastest."""
    expected = [
        {"per_channel_dense": True, "calibration.samples": 20},
        {"per_channel_dense": True, "calibration.samples": 50},
        {"per_channel_dense": False, "calibration.samples": 20},
        {"per_channel_dense": False, "calibration.samples": 50},
    ]
    assert expected == names(["per_channel_dense=true,false", "calibration.samples=20,50"])


def test_points_that_make_the_same_file_are_one():
    """Calibration makes no difference where nothing is calibrated, nor a seed to the first ones."""
    expected = [
        {"optimization": "none"},
        {"optimization": "int8", "calibration.samples": 20},
        {"optimization": "int8", "calibration.samples": 50},
    ]
    words = ["optimization=none,int8", "calibration.samples=20,50", "calibration.seed=0,1"]
    assert expected == names(words)


def test_a_point_is_named_by_its_options_alone():
    """The same whatever the grid around it, and another for another option."""
    one = points.make_point(INT8, {"calibration.samples": 20}, no_objection)
    other = Variant(optimization=Optimization.int8, calibration=Calibration(samples=20))
    assert one.name == points.make_point(other, {}, no_objection).name
    assert one.name != points.make_point(INT8, {}, no_objection).name


def test_points_that_cannot_be_expressed_say_why():
    """In the words of configure, and after them in those of the inputs."""
    axes = grid.parse_grid(["input_type=int16,int8"], "grid")
    first, second = points.Space(INT8, axes, lambda _: "no keras").points()
    told = "input_type: int16 with optimization int8; expected one of: float32, int8, uint8"
    assert (told, "no keras") == (first.refused, second.refused)


def test_a_recipe_is_called_by_its_name():
    """Its rules fill pages."""
    found = names(["recipe=dynamic_wi8_afp32,null"], Variant())
    assert [{"recipe": "dynamic_wi8_afp32"}, {"recipe": None}] == found
