from __future__ import annotations

import pytest
import yaml
from project import own_choice

from litemill.config.compose import compose
from litemill.config.selection import choices, groups
from litemill.core.errors import LitemillError
from litemill.core.yaml_file import read


def write(tree, **values):
    """Write params.yaml: the smallest, with changes; None leaves a key out."""
    params = {"model": "digits_cnn", "data": "digits", "train": "default", "variants": ["int8"]}
    kept = {key: value for key, value in {**params, **values}.items() if value is not None}
    (tree / "params.yaml").write_text(yaml.safe_dump(kept))


def told(tree):
    """Give the lines that `compose` refuses a project with."""
    with pytest.raises(LitemillError) as refused:
        compose(tree)
    return str(refused.value).splitlines()


def test_a_choice_decides_what_its_group_says(tree):
    """And a group that is not chosen takes the default of conf/config.yaml."""
    write(tree, model="diabetes_mlp", data="diabetes")

    found = compose(tree)

    assert "models.diabetes_mlp.build" == found.tree["model"]["build"]["_target_"]
    assert "regression" == found.tree["data"]["task"]
    assert "reproducible" == found.choices["numerics"]


def test_variants_are_composed_by_name_and_in_order(tree):
    """Only those of the list."""
    write(tree, variants=["int8", "float32"])

    found = compose(tree)

    assert ["int8", "float32"] == list(found.tree["variants"])
    assert "int8" == found.tree["variants"]["int8"]["optimization"]


def test_overrides_win(tree):
    """Single options, at any depth; a new key is possible, and judged later."""
    variant = {"int8": {"calibration": {"samples": 7, "seed": 3}}}
    write(tree, overrides={"train": {"epochs": 2}, "variants": variant})

    found = compose(tree)

    assert (2, 16) == (found.tree["train"]["epochs"], found.tree["train"]["batch_size"])
    assert {"samples": 7, "seed": 3} == found.tree["variants"]["int8"]["calibration"]


def test_overrides_of_a_variant_that_is_not_chosen_wait_until_it_is(tree):
    """A shorter list of variants, as in `-S 'variants=[float32]'`, needs no other edit."""
    write(tree, variants=["float32"], overrides={"variants": {"int8": {"route": "keras"}}})

    assert ["float32"] == list(compose(tree).tree["variants"])


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("train.epochs", "params.yaml: overrides.train.epochs"),
        ("train.batch_size", "litemill/conf/train/default.yaml: batch_size"),
        ("train", "params.yaml: overrides.train"),
        ("model.build.units", "conf/model/digits_cnn.yaml: build.units"),
        ("model", "conf/model/digits_cnn.yaml"),
        ("limits.snr_db", "litemill/conf/limits/default.yaml: snr_db"),
        (
            "variants.int8.calibration.samples",
            "litemill/conf/variant/int8.yaml: calibration.samples",
        ),
        ("variants.int8", "litemill/conf/variant/int8.yaml"),
        ("export.batch_size", "litemill/conf/defaults.yaml: export.batch_size"),
    ],
)
def test_place_names_the_file_that_a_value_came_from(tree, path, place):
    """Where the user has to look."""
    write(tree, overrides={"train": {"epochs": 2}})

    assert place == compose(tree).place(path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"modle": "x"}, "params.yaml: modle: unknown key; did you mean 'model'?"),
        ({"model": None}, "params.yaml: model: missing; expected one of: diabetes_mlp, digits_cnn"),
        ({"data": None}, "params.yaml: data: missing; expected one of: diabetes, digits"),
        (
            {"model": "digits_cn"},
            "params.yaml: model: no 'digits_cn' in conf/model/; did you mean 'digits_cnn'?",
        ),
        ({"data": "digit"}, "params.yaml: data: no 'digit' in conf/data/; did you mean 'digits'?"),
        ({"model": ["a"]}, "params.yaml: model: no ['a'] in conf/model/; expected one of:"),
        ({"model": "../model/digits_cnn"}, "params.yaml: model: no '../model/digits_cnn' in"),
        (
            {"variants": ["int_8"]},
            "params.yaml: variants: no 'int_8' in conf/variant/; did you mean 'int8'?",
        ),
        ({"variants": None}, "params.yaml: variants: missing; expected a list of dynamic_range,"),
        ({"variants": []}, "params.yaml: variants: an empty list; expected a list of"),
        ({"variants": "int8"}, "params.yaml: variants: found 'int8'; expected a list of names"),
        (
            {"variants": ["int8", "float32", "int8"]},
            "params.yaml: variants: 'int8' is there twice; expected each name once",
        ),
        ({"overrides": ["a"]}, "params.yaml: overrides: found ['a']; expected a mapping"),
        (
            {"overrides": {"train.epochs": 3}},
            "params.yaml: overrides: train.epochs: a key with a dot; expected nested keys: {train:",
        ),
        (
            {"overrides": {"variants": {"int_8": {}}}},
            "params.yaml: overrides.variants: no 'int_8' in conf/variant/; did you mean 'int8'?",
        ),
        (
            {"overrides": {"variants": ["int8"]}},
            "params.yaml: overrides.variants: found ['int8']; expected a mapping of variants",
        ),
        (
            {"overrides": {"train": {"epochs": "${nope}"}}},
            "params.yaml: overrides.train.epochs: Interpolation key 'nope' not found",
        ),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line(tree, values, expected):
    """With the nearest name, or all there are."""
    write(tree, **values)

    [line] = told(tree)

    assert line.startswith(expected)


def test_all_wrong_choices_are_told(tree):
    """Not the first of them."""
    write(tree, model="x", data=None, variants=["a", "b"], more=1)

    assert 5 == len(told(tree))


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("params.yaml", "model: [a\ndata: b\n", "params.yaml:2: not YAML; "),
        ("params.yaml", "model: a\nmodel: b\n", "params.yaml:2: 'model' is there twice; "),
        ("params.yaml", "", "params.yaml: found None; expected a mapping"),
        ("params.yaml", "text", "params.yaml: found 'text'; expected a mapping"),
        ("conf/train/default.yaml", "epochs: 1\n\tx: 2\n", "conf/train/default.yaml:2: not YAML; "),
        ("conf/train/default.yaml", "a: {b: 1, b: 2}", "conf/train/default.yaml:1: 'b' is there"),
        ("conf/train/default.yaml", "epochs: ${a.", "conf/train/default.yaml: epochs: no viable"),
        (
            "conf/train/default.yaml",
            "epochs: ${nope}",
            "conf/train/default.yaml: epochs: Interpolation key 'nope' not found",
        ),
        ("conf/config.yaml", "train: {}\n", "conf/config.yaml: hydra.searchpath: no pkg://"),
    ],
)
def test_a_file_that_does_not_parse_is_told_with_its_line(tree, file, text, expected):
    """In conf/ too, where Hydra's own message names no file."""
    write(tree)
    own_choice(tree, file).write_text(text)

    [line] = told(tree)

    assert line.startswith(expected)


def test_a_file_in_another_encoding_is_told(tree):
    """Not with a traceback."""
    write(tree)
    own_choice(tree, "conf/train/default.yaml").write_bytes(b"epochs: 1 # \xff\n")

    [line] = told(tree)

    assert line.startswith("conf/train/default.yaml: not YAML; ")


def test_a_missing_params_file_is_told(tree):
    """One line."""
    (tree / "params.yaml").unlink()

    assert ["params.yaml: no such file; expected the choices of the project"] == told(tree)


@pytest.mark.parametrize("text", ["1e-4", "1.0e-4", "0.0001", "+1e-04"])
def test_numbers_are_read_as_dvc_and_hydra_read_them(tmp_path, text):
    """PyYAML alone takes `1e-4` for text."""
    (tmp_path / "file.yaml").write_text(f"rate: {text}\n")

    assert {"rate": 0.0001} == read(tmp_path / "file.yaml", "file")


@pytest.mark.parametrize("text", ["1.2.3", "e4", "v1e-4", "2026-01-01", "-", "."])
def test_what_is_no_number_stays_text(tmp_path, text):
    """Versions and dates included."""
    (tmp_path / "file.yaml").write_text(f"- '{text}'\n- {text}x\n- {text if text != '-' else 'x'}")

    assert text == read(tmp_path / "file.yaml", "file")[0]
    assert all(isinstance(value, str) for value in read(tmp_path / "file.yaml", "file"))


def test_groups_and_choices_are_found_by_name(tree):
    """Whoever adds a file adds a choice."""
    (tree / "conf/variant").mkdir()
    (tree / "conf/variant/mine.yaml").write_text("optimization: float16\n")
    write(tree, variants=["mine"])

    assert "mine" in choices(tree, "variant")
    assert {"data", "limits", "model", "numerics", "train", "variant"} < set(groups(tree))
    assert "float16" == compose(tree).tree["variants"]["mine"]["optimization"]
