from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from project import ROOT, own_choice

from litemill.config.parameters import write_parameters
from litemill.config.selection import choices
from litemill.core.errors import LitemillError
from litemill.core.files import sha256
from litemill.pipeline.configure import configure

MODEL = "conf/model/digits_cnn.yaml"
DATA = "conf/data/digits.yaml"
TRAIN = "conf/train/default.yaml"
INT8 = "conf/variant/int8.yaml"
LIMITS = "conf/limits/default.yaml"
NUMERICS = "conf/numerics/reproducible.yaml"
RELEASE = "conf/release/default.yaml"
CODE = "models/digits_cnn/__init__.py"


def edit(tree, name, old, new):
    """Replace the first place that reads `old`."""
    text = own_choice(tree, name).read_text()
    assert old in text, (name, old)
    (tree / name).write_text(text.replace(old, new, 1))


def refusals(tree):
    """Return the lines that configure refuses a project with."""
    with pytest.raises(LitemillError) as refused:
        configure(tree)
    return str(refused.value).splitlines()


def options(tree, **values):
    """Set `overrides` of params.yaml, where int8 is the only variant."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params |= {"variants": ["int8"], "overrides": values}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))


def test_the_committed_parameters_are_those_of_conf():
    """A review shows what a change really means; `dvc repro` updates the file."""
    assert configure(ROOT) == yaml.safe_load((ROOT / "build/params.json").read_bytes())


def test_the_same_configuration_is_written_as_the_same_bytes(tree, tmp_path):
    """In any folder."""
    (tree / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    write_parameters(configure(ROOT), tmp_path / "one.yaml")
    write_parameters(configure(tree), tmp_path / "two.yaml")

    assert sha256(tmp_path / "one.yaml") == sha256(tmp_path / "two.yaml")


@pytest.mark.parametrize(
    ("model", "data"), [("digits_cnn", "digits"), ("diabetes_mlp", "diabetes")]
)
def test_every_variant_composes_with_every_example(tree, model, data):
    """Whoever adds a variant has it tested by adding the file."""
    variants = choices(tree, "variant")
    params = {"model": model, "data": data, "train": "default", "variants": variants}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    found = configure(tree)

    assert variants == list(found["convert"]) == list(found["limits"])
    assert variants == found["report"]["variants"]


@pytest.mark.parametrize("group", ["numerics", "limits", "release", "train"])
def test_every_choice_of_the_other_groups_composes(tree, group):
    """Found by globbing."""
    for choice in choices(tree, group):
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        (tree / "params.yaml").write_text(yaml.safe_dump({**params, group: choice}))
        assert configure(tree)


def test_every_stage_has_a_section_that_holds_what_it_depends_on():
    """Limits are no matter of validate, or a changed one would run inference again."""
    found = configure(ROOT)

    assert "limits" not in found["validate"]
    assert all("limits" not in options for options in found["convert"].values())
    stages = {"prepare", "train", "export", "convert", "validate", "report", "package", "sweep"}
    assert stages == set(found["toolchain"])


def test_litert_is_a_dependency_of_conversions_by_a_recipe_alone(tree):
    """The quantizer calibrates with it; TensorFlow's converter does not."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    asked = {"optimization": "none", "recipe": "dynamic_wi8_afp32"}
    asked |= {"input_type": "float32", "output_type": "float32"}
    params |= {"variants": ["float32", "int8"], "overrides": {"variants": {"int8": asked}}}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    found = configure(tree)

    litert = found["toolchain"]["validate"]["ai-edge-litert"]
    assert {"float32": {}, "int8": {"ai-edge-litert": litert}} == found["quantizers"]
    assert "ai-edge-litert" not in found["toolchain"]["convert"]


def test_a_variant_may_have_limits_of_its_own(tree):
    """The others keep the default ones."""
    edit(tree, INT8, "optimization: int8", "optimization: int8\nlimits: {snr_db: 35}")

    limits = configure(tree)["limits"]

    assert (35, 20) == (limits["int8"]["snr_db"], limits["dynamic_range"]["snr_db"])
    assert limits["int8"]["top1_agreement"] == limits["dynamic_range"]["top1_agreement"]


def test_a_small_number_is_a_number(tree):
    """`1e-4` in params.yaml as in conf/."""
    text = (tree / "params.yaml").read_text()
    rate = "overrides: {train: {optimizer: {learning_rate: 1e-4}}}"
    (tree / "params.yaml").write_text(text.replace("overrides: {}", rate))

    assert 0.0001 == configure(tree)["train"]["fit"]["optimizer"]["learning_rate"]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (TRAIN, "epochs:", "epoch:", "epoch: unknown key; did you mean 'epochs'?"),
        (TRAIN, "epochs: 20", "epochs: many", "epochs: found 'many'; expected a whole number"),
        (TRAIN, "epochs: 20", "epochs: 0", "epochs: found 0; expected at least 1"),
        (TRAIN, "batch_size: 16", "batch_size: 0", "batch_size: found 0; expected at least 1"),
        (TRAIN, "seed: 0", "seed: -1", "seed: found -1; expected at least 0"),
        (TRAIN, "validation: 0.1", "validation: 1.0", "validation: found 1.0; expected a share"),
        (TRAIN, "_target_: keras", "target: keras", "optimizer._target_: None; expected a dotted"),
        (TRAIN, "_target_: keras.", "_target_: kears.", "optimizer._target_: kears.optimizers."),
        (DATA, "task: classification", "", "task: missing; expected one of: classification,"),
        (DATA, "task: classi", "task: clasi", "task: found 'clasification'; did you mean 'classif"),
        (DATA, "calibration: 0.1", "calibration: 0", "split.calibration: found 0; expected more"),
        (DATA, "calibration: 0.1", "calibration: .nan", "split.calibration: found nan; expected"),
        (DATA, "digits.load", "digits.laod", "load._target_: data.digits.laod: no 'laod' in"),
        (DATA, "metrics.top1", "metrics.top_1", "metric.score._target_: litemill.metrics.top_1: "),
        (DATA, "goal: maximize", "goal: max", "metric.goal: found 'max'; expected one of: maxi"),
        (MODEL, "digits_cnn.build", "digits_cn.build", "build._target_: models.digits_cn.build"),
        (MODEL, "digits_cnn.build", "digits_cnn.bild", "build._target_: models.digits_cnn.bild"),
        (MODEL, "models.digits_cnn.build", "3", "build._target_: 3; expected a dotted name"),
        (MODEL, "digits_cnn.build", "diabetes_mlp.build", "build._target_: reaches models/"),
        (MODEL, "license:", "licence:", "licence: unknown key; did you mean 'license'?"),
        (INT8, "optimization: int8", "optimization: int_8", "optimization: found 'int_8'; did"),
        (INT8, "optimization: int8", "route: savedmodel", "route: found 'savedmodel'; did"),
        (INT8, "samples: 100", "samples: 0", "calibration.samples: 0; expected at least 1"),
        (INT8, "samples: 100", "sample: 9", "calibration.sample: unknown key; did you mean 'samp"),
        (INT8, "samples: 100", "seed: -1", "calibration.seed: found -1; expected at least 0"),
        (INT8, "input_type: int8", "input_type: int16", "input_type: int16 with optimization int8"),
        (INT8, "optimization: int8", "optimization: int8\nroute: cli", "optimization: int8 by the"),
        (INT8, "optimization: int8", "optimization: int8\nlimits: {snr: 1}", "limits.snr: unknown"),
        (LIMITS, "snr_db: 20", "snr: 20", "snr: unknown check; did you mean 'snr_db'?"),
        (LIMITS, "snr_db: 20", "snr_db: high", "snr_db: found 'high'; expected a number, or null"),
        (LIMITS, "snr_db: 20", "snr_db: true", "snr_db: found True; expected a number, or null"),
        (LIMITS, "snr_db: 20", "snr_db: .inf", "snr_db: found inf; expected a number, or null"),
        (RELEASE, "golden_samples: 8", "golden_samples: -1", "golden_samples: found -1; expected"),
        (RELEASE, "golden_samples: 8", "golden_samples: 0", "golden_samples: found 0; expected at"),
        (RELEASE, "version: 0.1.0", "version: one", "version: found 'one'; expected a version"),
        (RELEASE, "name: null", "name: my model", "name: found 'my model'; expected letters, dig"),
        (NUMERICS, "set: AVX2", "set: AVX3", "instruction_set: found 'AVX3'; did you mean"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_with_file_key_and_remedy(tree, file, old, new, expected):
    """Before anything is trained."""
    edit(tree, file, old, new)

    lines = refusals(tree)

    assert f"{file}: {expected}" == lines[0][: len(f"{file}: {expected}")]


def test_an_override_is_reported_as_one(tree):
    """Not as the file that it overrides."""
    options(tree, train={"epoch": 1})

    assert ["params.yaml: overrides.train.epoch: unknown key; did you mean 'epochs'?"] == refusals(
        tree
    )


def test_a_wrong_type_hides_no_broken_rule(tree):
    """All is reported at once, but for what depends on the value of the wrong type."""
    options(
        tree,
        train={"epoch": 1, "epochs": 0},
        data={"split": {"evaluation": 0, "sead": 1}},
        limits={"snr": 1},
        numerics={"instruction_set": "AVX3"},
        variants={"int8": {"optimization": "int_8"}},
    )
    edit(tree, "requirements.lock", "\ntensorflow-cpu==", "\ntensorflow-cpu==9")

    lines = refusals(tree)

    for place in (
        "train.epoch: unknown key",
        "train.epochs: found 0",
        "data.split.sead: unknown key",
        "data.split.evaluation: found 0",
        "limits.snr: unknown check",
        "numerics.instruction_set: found 'AVX3'",
        "variants.int8.optimization: found 'int_8'",
    ):
        [line] = [line for line in lines if line.startswith(f"params.yaml: overrides.{place}")]
        lines.remove(line)
    [line] = lines
    assert line.startswith("toolchain: tensorflow: found")


@pytest.mark.parametrize(
    ("value", "found"), [("null", "missing"), ("float32", "found 'float32'; expected a list of")]
)
def test_variants_that_are_no_list_are_reported_by_every_command(tree, value, found):
    """DVC itself, which comes first in `dvc repro`, names neither the file nor the key."""
    params = yaml.safe_load((tree / "params.yaml").read_text()) | {
        "variants": yaml.safe_load(value)
    }
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    for command in ("configure", "explain"):
        words = [sys.executable, "-m", "litemill", command]
        done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
        assert 1 == done.returncode
        assert done.stderr.startswith(f"params.yaml: variants: {found}")
    words = [sys.executable, "-m", "litemill", "list", "variant"]
    assert 0 == subprocess.run(words, cwd=tree, capture_output=True, check=False).returncode


def test_a_package_that_may_differ_and_is_none_is_reported_where_it_stands(tree):
    """In conf/config.yaml, or in params.yaml, which goes before it."""
    edit(tree, "conf/config.yaml", "\nhydra:", "\ntoolchain: {allow: [nunpy]}\nhydra:")
    why = "toolchain.allow: no 'nunpy'; did you mean 'numpy'?"

    assert [f"conf/config.yaml: {why}"] == refusals(tree)
    options(tree, toolchain={"allow": ["nunpy"]})
    assert [f"params.yaml: overrides.{why}"] == refusals(tree)


def test_a_toolchain_that_differs_from_the_lock_is_refused(tree):
    """With package, found and expected version."""
    edit(tree, "requirements.lock", "\ntensorflow-cpu==", "\ntensorflow-cpu==9")

    [line] = refusals(tree)

    assert line.startswith("toolchain: tensorflow: found 2.")
    assert "; expected 92." in line


def test_a_metric_without_targets_is_refused(tree):
    """There is nothing to compare with."""
    edit(tree, DATA, "task: classification", "task: none")

    assert any("metric: a metric for a task without targets" in line for line in refusals(tree))


def test_calibration_by_class_needs_classes(tree):
    """A regression has none."""
    options(
        tree, variants={"int8": {"calibration": {"selection": "stratified"}}}, data={"task": "none"}
    )
    edit(tree, "params.yaml", "task: none", "task: regression")

    expected = (
        "params.yaml: overrides.variants.int8.calibration.selection: stratified for the task "
        "regression, which has no classes; expected one of: first, random"
    )
    assert expected in refusals(tree)


def test_more_calibration_samples_than_the_split_has_are_refused(tree):
    """Where the split is a number of samples, this is known before the data is."""
    options(tree, data={"split": {"calibration": 50}})

    expected = (
        "litemill/conf/variant/int8.yaml: calibration.samples: asks for 100 of 50 samples; "
        "expected at most 50, or more for data.split.calibration"
    )
    assert [expected] == refusals(tree)


def test_code_that_dvc_does_not_watch_is_refused(tree):
    """However the model reaches it."""
    (tree / "models/shared.py").write_text("SIZE = 1\n")
    edit(tree, CODE, "from typing", "from models.shared import SIZE\nfrom typing")

    [line] = refusals(tree)

    assert f"{MODEL}: build._target_: reaches models/shared.py, which is no dependency" in line


def test_code_of_custom_layers_is_watched_too(tree):
    """A Keras file of others needs their modules."""
    (tree / "models/layers.py").write_text("class Layer: ...\n")
    options(tree, model={"custom_objects": ["models.layers"]})

    [line] = refusals(tree)

    assert "custom_objects: reaches models/layers.py, which is no dependency of configure" in line


def test_code_that_is_no_python_is_refused(tree):
    """With its line, as Python tells it."""
    edit(tree, CODE, "def build(", "def build((")

    [line] = refusals(tree)

    assert line.startswith(f"{CODE}:")
    assert "not Python" in line


@pytest.mark.parametrize("suffix", ["keras", "h5", "hdf5"])
def test_every_suffix_of_keras_is_a_keras_model(tree, suffix):
    """Which every route takes."""
    (tree / f"models/digits_cnn/m.{suffix}").write_bytes(b"")
    file = f"models/digits_cnn/m.{suffix}"
    options(tree, model={"build": None, "file": file}, variants={"int8": {"route": "keras"}})

    assert "keras" == configure(tree)["convert"]["int8"]["route"]


@pytest.mark.parametrize(
    ("model", "variant", "place", "found", "expected"),
    [
        (
            {"file": "models/digits_cnn/saved"},
            {"route": "keras"},
            "variants.int8.route",
            "keras, and the model is a SavedModel",
            "expected one of: saved_model, concrete_function, cli",
        ),
        (
            {"file": "models/digits_cnn/saved"},
            {"unroll": True},
            "variants.int8.unroll",
            "true, and the model is no Keras file that could be traced anew",
            "expected false",
        ),
        (
            {"file": "models/digits_cnn/saved", "signature": "score"},
            {"route": "concrete_function"},
            "variants.int8.route",
            "concrete_function, which names every signature serving_default, not score",
            "use the route saved_model, which keeps the name",
        ),
        (
            {"file": "models/digits_cnn/saved.pb"},
            {},
            "model.file",
            "models/digits_cnn/saved.pb: no such file",
            "did you mean 'saved'?",
        ),
        (
            {},
            {},
            "model",
            "none of them",
            "expected one of: build, file, function",
        ),
    ],
)
def test_routes_are_those_of_the_source_model(  # noqa: PLR0917  # a table
    tree, model, variant, place, found, expected
):
    """A SavedModel has no layers; its signatures have names of their own."""
    (tree / "models/digits_cnn/saved").mkdir()
    options(tree, model={"build": None, **model}, variants={"int8": variant})

    with pytest.raises(LitemillError) as refused:
        configure(tree)

    [error] = refused.value.errors
    assert f"params.yaml: overrides.{place}" == error.place
    assert (found, expected) == (error.found, error.expected)


def test_a_variant_may_name_the_signature_that_the_model_is_known_by(tree):
    """It is none of the others, which have references of their own."""
    options(tree, variants={"int8": {"signature": "serving_default"}})

    assert [] == configure(tree)["export"]["others"]


def test_a_recipe_that_does_not_exist_is_the_only_fault(tree):
    """What the variant's types may be follows from it."""
    options(tree, variants={"int8": {"optimization": "none", "recipe": "static_wi8_ai9"}})

    [line] = refusals(tree)

    assert "recipe: no recipe 'static_wi8_ai9'; did you mean 'static_wi8_ai8'?" in line


@pytest.mark.parametrize("name", ["int8.v2", "2int", "int8 v2", "-int8"])
def test_a_name_that_is_no_key_is_refused(tree, name):
    """Hydra would take it for a level of the tree, or for an error in a file that has none."""
    own_choice(tree, INT8).rename(tree / f"conf/variant/{name}.yaml")
    params = yaml.safe_load((tree / "params.yaml").read_text()) | {"variants": [name]}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    expected = "expected a name of letters, digits, _ and -, with no digit or - in front"
    assert [f"conf/variant/{name}.yaml: the name {name!r}; {expected}"] == refusals(tree)


def test_a_name_may_have_hyphens(tree):
    """As those of Git's tags."""
    own_choice(tree, INT8).rename(tree / "conf/variant/int8-v2.yaml")
    params = yaml.safe_load((tree / "params.yaml").read_text()) | {"variants": ["int8-v2"]}
    (tree / "params.yaml").write_text(yaml.safe_dump(params))

    assert ["int8-v2"] == list(configure(tree)["convert"])


def test_a_choice_without_its_folder_is_refused(tree):
    """DVC could not depend on it."""
    (tree / "conf/model/mine.yaml").write_text((tree / MODEL).read_text())
    edit(tree, "params.yaml", "model: digits_cnn", "model: mine")

    assert any(line.startswith("models/mine: no such folder; ") for line in refusals(tree))


def test_many_faults_are_reported_at_once(tree):
    """Of toolchain, model, variant and limits alike; one line each."""
    edit(tree, "requirements.lock", "\ntensorflow-cpu==", "\ntensorflow-cpu==9")
    edit(tree, MODEL, "digits_cnn.build", "digits_cnn.bild")
    edit(tree, INT8, "samples: 100", "samples: 0")
    edit(tree, LIMITS, "snr_db: 20", "snr: 20")
    edit(tree, TRAIN, "epochs: 20", "epochs: 0")

    lines = refusals(tree)

    assert 5 == len(lines)
    assert all(": " in line for line in lines)


def test_many_wrong_types_are_reported_at_once(tree):
    """In every file that has one."""
    edit(tree, TRAIN, "epochs: 20", "epochs: x")
    edit(tree, INT8, "optimization:", "optimisation:")
    edit(tree, DATA, "goal: maximize", "goal: up")

    assert 3 == len(refusals(tree))


@pytest.mark.parametrize(
    "command",
    [["-m", "stages.configure"], ["-c", "from litemill.cli.main import main; main()", "configure"]],
)
def test_a_refusal_leaves_the_parameters_of_before(tree, command):
    """Exit status 1, one line, and nothing is written."""
    write_parameters(configure(tree), tree / "build/params.json")
    before = sha256(tree / "build/params.json")
    edit(tree, TRAIN, "epochs: 20", "epochs: x")

    done = subprocess.run(
        [sys.executable, *command], cwd=tree, capture_output=True, text=True, check=False
    )

    assert 1 == done.returncode
    assert f"{TRAIN}: epochs: found 'x'; expected a whole number\n" == done.stderr
    assert "" == done.stdout
    assert before == sha256(tree / "build/params.json")
