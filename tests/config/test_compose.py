from __future__ import annotations

import shutil

import pytest
import yaml
from project import own_choice

from litemill.config import hydra_compose, selection
from litemill.config.compose import compose
from litemill.config.selection import choices, groups
from litemill.core.errors import LitemillError
from litemill.core.yaml_file import read


def write(tree, **values):
    """Write params.yaml: the smallest, with changes; None leaves a key out."""
    params = {"model": "digits_cnn", "data": "digits", "train": "default", "variants": ["int8"]}
    kept = {key: value for key, value in {**params, **values}.items() if value is not None}
    (tree / "params.yaml").write_text(yaml.safe_dump(kept))


def refusals(tree, *words):
    """Return the lines that `compose` refuses a project with."""
    with pytest.raises(LitemillError) as refused:
        compose(tree, words)
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

    [line] = refusals(tree)

    assert line.startswith(expected)


def test_all_wrong_choices_are_refusals(tree):
    """Not the first of them."""
    write(tree, model="x", data=None, variants=["a", "b"], more=1)

    assert 5 == len(refusals(tree))


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
def test_a_file_that_does_not_parse_is_reported_with_its_line(tree, file, text, expected):
    """In conf/ too, where Hydra's own message names no file."""
    write(tree)
    own_choice(tree, file).write_text(text)

    [line] = refusals(tree)

    assert line.startswith(expected)


def test_a_file_in_another_encoding_is_refusals(tree):
    """Not with a traceback."""
    write(tree)
    own_choice(tree, "conf/train/default.yaml").write_bytes(b"epochs: 1 # \xff\n")

    [line] = refusals(tree)

    assert line.startswith("conf/train/default.yaml: not UTF-8 (byte 12 is 0xff); ")


def test_a_missing_params_file_is_refusals(tree):
    """One line."""
    (tree / "params.yaml").unlink()

    assert ["params.yaml: no such file; expected the choices of the project"] == refusals(tree)


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


def test_a_file_of_the_project_lies_over_that_of_the_package(tree):
    """Messages name whichever is read, and the other choices of the group stay."""
    write(tree, variants=["int8", "float16"], limits="default")
    own_choice(tree, "conf/variant/int8.yaml").write_text("optimization: none\n")

    composed = compose(tree)

    assert {"optimization": "none"} == composed.tree["variants"]["int8"]
    assert "float16" == composed.tree["variants"]["float16"]["optimization"]
    assert "conf/variant/int8.yaml: batch" == composed.place("variants.int8.batch")
    float16 = composed.place("variants.float16.batch")
    assert "litemill/conf/variant/float16.yaml: batch" == float16
    assert "litemill/conf/limits/default.yaml: snr_db" == composed.place("limits.snr_db")


def test_a_project_may_have_no_choices_of_a_group(tree):
    """conf/variant/ and all other folders that the package has too."""
    write(tree)
    assert ["config.yaml", "data", "model"] == sorted(
        path.name for path in (tree / "conf").iterdir()
    )

    assert ["int8"] == list(compose(tree).tree["variants"])


def test_a_project_may_have_groups_of_its_own(tree):
    """That conf/config.yaml does not list; params.yaml chooses them like any other."""
    write(tree, optimizer="slow")
    (tree / "conf/optimizer").mkdir()
    text = "# @package train.optimizer\nlearning_rate: 0.5\n"
    (tree / "conf/optimizer/slow.yaml").write_text(text)

    composed = compose(tree)

    assert "slow" == composed.choices["optimizer"]
    assert 0.5 == composed.tree["train"]["optimizer"]["learning_rate"]


def test_an_unknown_choice_is_looked_for_in_both_folders(tree):
    """The project's own and the package's."""
    (tree / "conf/limits").mkdir()
    (tree / "conf/limits/strict.yaml").write_text("snr_db: 60\n")
    write(tree, limits="x")

    [line] = refusals(tree)

    assert "params.yaml: limits: no 'x' in conf/limits/; expected one of: default, strict" == line


@pytest.mark.parametrize("text", ["defaults: [{model: digits_cnn}]\n", "hydra: {searchpath: []}\n"])
def test_a_missing_search_path_is_refused_with_what_to_add(tree, text):
    """Or else Hydra would say that a choice of the package does not exist."""
    write(tree)
    (tree / "conf/config.yaml").write_text(text)

    [line] = refusals(tree)

    assert line.startswith("conf/config.yaml: hydra.searchpath: no pkg://litemill.conf")
    assert line.endswith("; add `hydra: {searchpath: [pkg://litemill.conf]}`")


def test_a_file_of_the_package_that_does_not_parse_is_named(tree, tmp_path, monkeypatch):
    """As one of the project is."""
    package = tmp_path / "site/litemill_choices"
    shutil.copytree(selection.PACKAGE_CONF, package)
    (package / "train/default.yaml").write_text("epochs: 1\n\tx: 2\n")
    for module in (selection, hydra_compose):
        monkeypatch.setattr(module, "PACKAGE_CONF", package)
    monkeypatch.setattr(hydra_compose, "SEARCH_PATH", f"file://{package}")
    config = tree / "conf/config.yaml"
    config.write_text(config.read_text().replace("pkg://litemill.conf", f"file://{package}"))
    write(tree)

    [line] = refusals(tree)

    assert line.startswith("litemill/conf/train/default.yaml:2: not YAML; ")


def experiment(tree, text, *, header="# @package _global_\n"):
    """Write conf/experiment/quick.yaml."""
    (tree / "conf/experiment").mkdir()
    (tree / "conf/experiment/quick.yaml").write_text(header + text)


def test_an_experiment_lies_over_everything(tree):
    """Over choices, conf/config.yaml and the overrides of params.yaml; only a command line wins."""
    experiment(tree, "train: {epochs: 3, seed: 7}\nvariants: {int8: {batch: 1}}\n")
    overrides = {"train": {"epochs": 2, "batch_size": 8}}
    write(tree, experiment="quick", overrides=overrides, variants=["int8"])

    composed = compose(tree, ["train.seed=9"])

    train = composed.tree["train"]
    assert (3, 8, 9) == (train["epochs"], train["batch_size"], train["seed"])
    assert 1 == composed.tree["variants"]["int8"]["batch"]
    assert "conf/experiment/quick.yaml: train.epochs" == composed.place("train.epochs")
    assert "params.yaml: overrides.train.batch_size" == composed.place("train.batch_size")
    assert "command line: train.seed" == composed.place("train.seed")


def test_an_experiment_may_choose_by_its_defaults_list(tree):
    """Over the choice of params.yaml, which Hydra alone would let win."""
    (tree / "conf/train").mkdir()
    (tree / "conf/train/long.yaml").write_text("defaults: [default]\nepochs: 99\n")
    experiment(tree, "defaults:\n  - override /train: long\n  - override /numerics: fast\n")
    write(tree, experiment="quick")

    composed = compose(tree)

    assert ("long", "fast") == (composed.choices["train"], composed.choices["numerics"])
    assert (99, 16) == (composed.tree["train"]["epochs"], composed.tree["train"]["batch_size"])
    assert "default" == compose(tree, ["train=default"]).choices["train"]


def test_an_experiment_of_a_variant_that_is_not_chosen_waits_until_it_is(tree):
    """As overrides do: DVC has a stage for each variant of the list, and for no other."""
    experiment(tree, "variants: {float16: {batch: 1}}\n")
    write(tree, experiment="quick", variants=["int8"])

    assert ["int8"] == list(compose(tree).tree["variants"])


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("train: {epochs: 1}", "", ": no `# @package _global_`; add it as the first line"),
        (
            "defaults: [override /model: diabetes_mlp]",
            "# @package _global_\n",
            ": defaults: chooses model, which dvc.yaml reads from params.yaml; set `model: ",
        ),
        (
            "variants: {int_8: {batch: 1}}",
            "# @package _global_\n",
            ": variants: no 'int_8' in conf/variant/; did you mean 'int8'?",
        ),
        ("- train", "# @package _global_\n", ": found ['train']; expected a mapping"),
    ],
)
def test_a_wrong_experiment_is_refused_in_one_line(tree, text, header, expected):
    """With its file."""
    experiment(tree, text, header=header)
    write(tree, experiment="quick")

    [line] = refusals(tree)

    assert line.startswith(f"conf/experiment/quick.yaml{expected}")


def test_an_unknown_experiment_is_refused(tree):
    """With the nearest name, as any choice."""
    experiment(tree, "train: {epochs: 1}\n")
    write(tree, experiment="quik")

    assert [
        "params.yaml: experiment: no 'quik' in conf/experiment/; did you mean 'quick'?"
    ] == refusals(tree)


def test_words_of_a_command_line_change_choices_and_options(tree):
    """In Hydra's grammar, and in the form of `dvc exp run -S`; the last word wins."""
    write(tree, overrides={"limits": {"snr_db": 1}})

    composed = compose(
        tree,
        [
            "model=diabetes_mlp",
            "variants=[float16,int8]",
            "variants.int8.calibration.samples=7",
            "overrides.train.epochs=3",
            "train.epochs=4",
            "+model.tags=[a,'b c']",
            "~limits.snr_db",
        ],
    )

    assert "diabetes_mlp" == composed.choices["model"]
    assert ["float16", "int8"] == list(composed.tree["variants"])
    assert 7 == composed.tree["variants"]["int8"]["calibration"]["samples"]
    assert 4 == composed.tree["train"]["epochs"]
    assert ["a", "b c"] == composed.tree["model"]["tags"]
    assert "snr_db" not in composed.tree["limits"]
    assert "command line: train.epochs" == composed.place("train.epochs")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("train.epochs", "command line: train.epochs: missing EQUAL"),
        ("train.epochs=[", "command line: train.epochs=[: no viable alternative"),
        ("train.epochs=1,2", "command line: train.epochs=1,2: several values; expected one"),
        ("model=digit_cnn", "command line: model: no 'digit_cnn' in conf/model/; did you mean"),
        ("~model", "command line: model: missing; expected one of: diabetes_mlp, digits_cnn"),
        ("variants=int8", "command line: variants: found 'int8'; expected a list of names"),
        ("variants.int_8.batch=1", "command line: variants: no 'int_8' in conf/variant/; did you"),
        ("~train.nothing", "command line: ~train.nothing: Could not delete from config."),
        ("model/x=y", "command line: model/x=y: Could not override 'model/x'."),
        ("train.epochs=${nope}", "command line: train.epochs: Interpolation key 'nope' not found"),
    ],
)
def test_a_wrong_word_of_a_command_line_is_refused_in_one_line(tree, word, expected):
    """Which names the word."""
    write(tree)

    [line] = refusals(tree, word)

    assert line.startswith(expected)


def test_a_fault_of_the_project_is_none_of_the_command_line(tree):
    """Hydra would refuse it without the word too."""
    write(tree)
    (tree / "conf/model/digits_cnn.yaml").write_text("defaults: [nowhere]\n")

    [line] = refusals(tree, "train.epochs=1")

    found = "In 'model/digits_cnn': Could not load 'model/nowhere'."
    assert f"conf/config.yaml: {found}; expected what Hydra composes" == line
