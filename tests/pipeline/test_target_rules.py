"""Targets in the configuration: what variants name, and what is refused before anything runs."""

from __future__ import annotations

import pytest
import yaml

from litemill.config.selection import choices
from litemill.core.errors import LitemillError
from litemill.pipeline.configure import configure


def choose(tree, variant="int8_mcu", overrides=None):
    """Make a variant the only one."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params |= {"variants": [variant], "overrides": overrides or {}}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))


def refusals(tree):
    """Return the errors that configure refuses a project with."""
    with pytest.raises(LitemillError) as refused:
        configure(tree)
    error = refused.value
    return [(one.place, one.found, one.expected) for one in getattr(error, "errors", [error])]


def test_a_variant_runs_on_a_cpu_unless_it_says_more(tree):
    """And the measurement of each depends on its own target alone."""
    choose(tree, "int8")
    assert {"int8": {"name": "cpu", "options": {"kind": "cpu"}, "versions": {}}} == configure(tree)[
        "targets"
    ]


def test_a_target_and_its_version_are_in_the_parameters_of_its_variant(tree):
    """In a section that the conversion does not depend on."""
    choose(tree)
    sections = configure(tree)
    target = sections["targets"]["int8_mcu"]
    assert ("tflm", "tflm") == (target["name"], target["options"]["kind"])
    assert ["tflite-micro"] == list(target["versions"])
    assert "target" not in sections["convert"]["int8_mcu"]
    assert "tflm" not in sections["toolchain"]


def test_options_of_a_target_are_overridden_as_others(tree):
    """By params.yaml; a project may have its own targets, too."""
    choose(tree, overrides={"targets": {"tflm": {"samples": 20}}})
    assert 20 == configure(tree)["targets"]["int8_mcu"]["options"]["samples"]
    (tree / "conf/target").mkdir()
    (tree / "conf/target/mine.yaml").write_text("kind: tflm\nlimits: {arena_bytes: 9000}\n")
    choose(tree, overrides={"variants": {"int8_mcu": {"target": "mine"}}})
    sections = configure(tree)
    assert "mine" == sections["targets"]["int8_mcu"]["name"]
    assert 9000 == sections["limits"]["int8_mcu"]["arena_bytes"]


@pytest.mark.parametrize(
    "target", ["cpu", "tflm", "ethos_u55_128", "ethos_u65_256", "ethos_u85_256"]
)
def test_every_preset_takes_an_integer_variant(tree, target):
    """With a batch of one."""
    choose(tree, overrides={"variants": {"int8_mcu": {"target": target}}})
    assert target == configure(tree)["targets"]["int8_mcu"]["name"]
    assert target in choices(tree, "target")


@pytest.mark.parametrize(
    ("variant", "overrides", "place"),
    [
        ("dynamic_range", {"target": "tflm"}, "optimization"),
        ("float16", {"target": "tflm"}, "optimization"),
        ("int8_mcu", {"target": "tfml"}, "target"),
        ("int8_mcu", {"target": "ethos_u55_128", "batch": None}, "batch"),
        ("int8_mcu", {"target": "ethos_u55_128", "input_type": "float32"}, "input_type"),
        ("float32", {"target": "ethos_u55_128", "batch": 1}, "optimization"),
    ],
)
def test_what_cannot_run_is_refused_with_the_next_step(tree, variant, overrides, place):
    """In one line for each, at the option."""
    choose(tree, variant, {"variants": {variant: overrides}})
    found = refusals(tree)
    assert any(where.endswith(place) for where, _, _ in found), found
    assert all(expected for _, _, expected in found)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("samples: 3\n", "kind", "missing"),
        ("kind: tfml\n", "kind", "no kind 'tfml'"),
        ("kind: tflm\nsample: 3\n", "sample", "unknown key"),
        ("kind: tflm\nsamples: 0\n", "samples", "found 0"),
        ("kind: tflm\nlimits: {arena: 3}\n", "limits.arena", "unknown check"),
        ("kind: cpu\nsamples: 3\n", "samples", "unknown key"),
        ("defaults: [ethos_u55_128]\naccelerator: ethos-u85\n", "accelerator", "without its size"),
        ("defaults: [ethos_u55_128]\naccelerator: ethos-u55-12\n", "accelerator", "no 'ethos-u55"),
        ("defaults: [ethos_u55_128]\nmemory_mode: Shared\n", "memory_mode", "no section"),
        ("defaults: [ethos_u55_128]\nvela_config: x.ini\n", "vela_config", "no file"),
    ],
)
def test_a_faulty_target_is_refused_at_its_file(tree, text, key, words):
    """The file and the key."""
    (tree / "conf/target").mkdir()
    (tree / "conf/target/mine.yaml").write_text(text)
    choose(tree, overrides={"variants": {"int8_mcu": {"target": "mine"}}})
    [(place, found, expected)] = refusals(tree)
    assert f"conf/target/mine.yaml: {key}" == place
    assert words in found
    assert expected
