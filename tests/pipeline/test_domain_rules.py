from __future__ import annotations

import time

import pytest
import yaml
from project import own_choice

from litemill.config.empty_choices import empty_choice_notes
from litemill.core.errors import LitemillError
from litemill.pipeline.configure import configure

HUGE = 10**12


def options(tree, **values):
    """Set `overrides` of params.yaml, where int8 is the only variant."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params |= {"variants": ["int8"], "overrides": values}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))


def refusals(tree):
    """Return the lines that configure refuses a project with, within some seconds."""
    start = time.monotonic()
    with pytest.raises(LitemillError) as refused:
        configure(tree)
    assert time.monotonic() - start < 10  # a processor that others use too
    return str(refused.value).splitlines()


def nested(path, value):
    """Return nested mappings of a dotted path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("train.epochs", [0, HUGE]),
        ("train.batch_size", [0, HUGE]),
        ("train.seed", [-1, 2**32]),
        ("train.validation", [-0.1, 1.0, float("nan")]),
        ("data.split.seed", [-1, 2**32]),
        ("data.split.train", [0.0, float("nan"), float("inf")]),
        ("data.split", [{"train": 0.7, "calibration": 0.2, "evaluation": 0.2}]),
        ("validate.threads", [0, 100_000]),
        ("validate.timeout_seconds", [float("nan"), float("inf"), 0]),
        ("validate.kernels", [["default", "default"], ["default", "other"], []]),
        ("numerics.threads", [-1, 100_000]),
        ("release.golden_samples", [0, HUGE]),
        ("export.signature", ["a\nb"]),
        ("model.description", ["a\x1b[2J"]),
        ("data.metric.name", ["top\n1"]),
        ("variants.int8.calibration.samples", [0, HUGE]),
        ("variants.int8.calibration.seed", [-1, 2**32]),
        ("variants.int8.batch", [0, HUGE]),
        ("limits.snr_db", [float("nan"), 1e9, -1e9]),
        ("limits.top1_agreement", [0, 1.5, -1]),
        ("limits.kernel_disagreement", [1, -0.1]),
        ("limits.cosine_similarity", [-1, 1.1]),
        ("limits.max_abs_error", [-0.1]),
        ("limits.mean_abs_error", [-0.1]),
        ("limits.size_bytes", [0, 50]),
        ("limits.metric_min", [0, 1.01]),
        ("limits.metric_drop", [1, -2]),
        ("limits.metric_drop_relative", [1]),
        ("limits.per_class_drop", [1]),
        ("variants.int8.limits.top1_agreement", [0]),
    ],
)
def test_values_out_of_their_domain_are_refused_in_one_line(tree, path, values):
    """By the path that says them; each value in itself."""
    for value in values:
        options(tree, **nested(path, value))

        lines = refusals(tree)

        assert 1 == len(lines), lines
        assert lines[0].startswith(f"params.yaml: overrides.{path}")


def test_a_metric_that_is_no_share_has_limits_of_its_own_size(tree):
    """An error may double, and reach any number."""
    params = {"model": "diabetes_mlp", "data": "diabetes", "train": "default"}
    limits = {"metric_min": 60, "metric_drop": 5, "metric_drop_relative": 1.5}
    params |= {"variants": ["float32"], "overrides": {"limits": limits}}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    assert 60 == configure(tree)["limits"]["float32"]["metric_min"]


@pytest.mark.parametrize("resolver", ["now:%Y", "oc.env:HOME", "hydra:runtime.cwd"])
def test_values_that_change_with_time_or_machine_are_refused(tree, resolver):
    """The parameters are committed, and must be what everybody gets."""
    own_choice(tree, "conf/release/default.yaml").write_text(f"version: 1.0.0-${{{resolver}}}\n")

    [line] = refusals(tree)

    assert line.startswith("conf/release/default.yaml: version: ")
    assert "is not the same everywhere" in line


@pytest.mark.parametrize(
    ("name", "content", "begin"),
    [
        ("conf/config.yaml", "defaults: 5\n", "conf/config.yaml: "),
        ("conf/variant/int8.yaml", "defaults: int8\n", "conf/variant/int8.yaml: defaults: "),
        ("conf/variant/int8.yaml", "- a\n", "conf/variant/int8.yaml: found ['a']"),
        ("conf/variant/int8.yaml", "defaults: [int8]\n", ""),
        ("conf/release/default.yaml", "name: ${release.name}\n", ""),
        ("conf/release/default.yaml", "name: ${.version}\nversion: ${.name}\n", ""),
        ("conf/data/digits.yaml", "load: {_target_: 5}\ntask: none\n", ""),
        ("params.yaml", "[" * 5000, "params.yaml:1: not YAML"),
        ("params.yaml", "", "params.yaml: found None"),
    ],
)
def test_files_that_nobody_could_compose_are_refused(tree, name, content, begin):
    """Each in lines that people understand, without a traceback."""
    own_choice(tree, name).write_text(content)

    assert all(line.startswith(begin) and len(line) < 500 for line in refusals(tree)), refusals(
        tree
    )


def test_a_link_to_nothing_is_named(tree):
    """Unless it is the lock file of an editor, which nobody chose."""
    own_choice(tree, "conf/variant/int8.yaml")
    (tree / "conf/variant/.#int8.yaml").symlink_to("someone@nowhere.1234")
    assert configure(tree)
    (tree / "conf/variant/gone.yaml").symlink_to("nowhere")

    assert ["conf/variant/gone.yaml: a link to nothing"] == [
        line.partition(";")[0] for line in refusals(tree)
    ]


def test_what_an_emptied_file_means_is_said(tree):
    """No limits; and float32, whatever its name."""
    assert [] == empty_choice_notes(tree)
    own_choice(tree, "conf/limits/default.yaml").write_text("# nothing\n")
    own_choice(tree, "conf/variant/int8.yaml").write_text("")

    limits, variant = empty_choice_notes(tree)

    assert limits.startswith("conf/limits/default.yaml is empty: no limits but those")
    assert limits.endswith("; delete the file to get the package's")
    assert variant.startswith("conf/variant/int8.yaml is empty: float32, ")
