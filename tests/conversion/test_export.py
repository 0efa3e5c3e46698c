from __future__ import annotations

import numpy as np
import pytest
import zoo

from litemill.config.schema.train import Model
from litemill.config.schema.validate import Export
from litemill.conversion.export import write_export
from litemill.core.errors import ConfigError, ModelError
from litemill.core.files import read_json, tree_sha256
from litemill.models import saved_model
from litemill.models.kinds import import_model
from litemill.models.reference_outputs import (
    read_reference_outputs,
    signature_folder,
    write_reference_outputs,
)


def imported(folder, **options):
    """Import a model into a folder, as the stage train does."""
    (folder / "train").mkdir()
    return import_model(Model(**options), folder / "train")


def test_export_writes_what_the_model_answers(tmp_path):
    """Whatever the batch size, for every output."""
    source = zoo.source("several")
    samples = zoo.split(source, 10)
    write_export(source.source, Export(batch_size=3), samples, tmp_path)
    truth = zoo.truth(source, samples)

    assert source.signature | {"subset": False} == read_json(tmp_path / "signature.json")
    outputs = read_reference_outputs(tmp_path / "reference")
    assert sorted(truth) == sorted(outputs)
    for name, expected in truth.items():
        np.testing.assert_allclose(expected, outputs[name], rtol=1e-5, atol=1e-6)


def test_the_signature_has_the_name_asked(tmp_path):
    """As consumers of the model call it."""
    source = zoo.source("dense")
    write_export(source.source, Export(signature="score"), zoo.split(source), tmp_path)

    assert ["score"] == saved_model.signature_keys(tmp_path / "saved_model")
    assert "score" == read_json(tmp_path / "signature.json")["key"]


def test_other_signatures_have_references_of_their_own(tmp_path):
    """Each with the inputs that it takes."""
    source_model = imported(tmp_path, file=str(zoo.module_saved()), signature="total")
    total, double = (zoo.split(zoo.module_source(key), 4) for key in ("total", "double"))
    both = type(total)(total.inputs | double.inputs, {}, None, "none")
    write_export(source_model, Export(others=["double"]), both, tmp_path / "out")

    assert ["product", "sum"] == list(read_reference_outputs(tmp_path / "out" / "reference"))
    other = signature_folder(tmp_path / "out", "double")
    expected = double.inputs["x"] * np.float32([2, 4, 8])
    outputs = read_reference_outputs(other / "reference")
    np.testing.assert_allclose(expected, outputs["y"], rtol=1e-6)


def test_a_fixed_batch_is_filled_up_and_cut_off(tmp_path):
    """Ten samples by four."""
    source = zoo.source("fixed")
    samples = zoo.split(source, 10)
    write_reference_outputs(
        saved_model.load_signature(source.saved_model, zoo.KEY), samples, 64, tmp_path / "reference"
    )
    kernel, bias = source.source.load_keras().get_weights()

    np.testing.assert_allclose(
        samples.inputs["features"] @ kernel + bias,
        read_reference_outputs(tmp_path / "reference")["value"],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [("over_batch", "output y: shape [3] for 4 samples; expected a row for each sample")],
)
def test_a_model_that_answers_no_rows_is_told(tmp_path, name, told):
    """Such as one that sums over the batch."""
    import tensorflow as tf

    function = tf.function(lambda x: {"y": tf.reduce_sum(x, axis=0)})
    concrete = function.get_concrete_function(x=zoo.spec(None, 3))
    samples = zoo.split(zoo.module_source("double"), 4)
    with pytest.raises(ModelError) as caught:
        write_reference_outputs(concrete, samples, 4, tmp_path / name)

    assert told == str(caught.value)


def test_samples_that_do_not_fit_are_told_before_anything_is_replaced(tmp_path):
    """What was there stays."""
    source = zoo.source("dense")
    write_export(source.source, Export(), zoo.split(source), tmp_path)
    before = (tmp_path / "signature.json").read_bytes()
    with pytest.raises(ModelError, match="the data has shape"):
        write_export(source.source, Export(signature="x"), zoo.split(zoo.source("cnn")), tmp_path)

    assert before == (tmp_path / "signature.json").read_bytes()
    assert [zoo.KEY] == saved_model.signature_keys(tmp_path / "saved_model")


def test_what_fails_late_leaves_the_export_of_before_as_a_whole(tmp_path):
    """Description, answers and float file are of one model: here, the second signature fails."""
    source_model = imported(tmp_path, file=str(zoo.module_saved()), signature="total")
    out = tmp_path / "out"
    total = zoo.split(zoo.module_source("total"), 4)
    write_export(source_model, Export(), total, out)
    before = tree_sha256(out)
    fewer = total.take(range(3))

    with pytest.raises(ModelError, match="signature double: the data has the inputs"):
        write_export(source_model, Export(others=["double"]), fewer, out)

    assert before == tree_sha256(out)
    assert ["out", "train"] == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.slow
def test_a_keras_2_model_has_the_signature_that_is_asked(tmp_path):
    """As one of Keras 3; with the same answers, and the same bytes every time."""
    source_model = imported(tmp_path, file=str(zoo.keras_2()))
    samples = zoo.split(zoo.source("cnn"), 4)
    for folder in ("named", "again"):
        write_export(source_model, Export(signature="score"), samples, tmp_path / folder)
    write_export(source_model, Export(), samples, tmp_path / "plain")
    named, plain = (
        read_reference_outputs(tmp_path / folder / "reference")["digit"]
        for folder in ("named", "plain")
    )

    assert ["score"] == saved_model.signature_keys(tmp_path / "named" / "saved_model")
    assert "score" == read_json(tmp_path / "named" / "signature.json")["key"]
    np.testing.assert_array_equal(plain, named)
    assert tree_sha256(tmp_path / "named") == tree_sha256(tmp_path / "again")


def test_a_metric_of_no_output_is_refused_before_anything_is_exported(tmp_path):
    """With the outputs that there are; for a model of one output, none needs to be named."""
    source = zoo.source("cnn")
    [name] = source.signature["outputs"]

    with pytest.raises(ConfigError, match=f"the model has no output 'x'; .*{name}"):
        write_export(source.source, Export(), zoo.split(source), tmp_path, {"output": "x"})

    assert not (tmp_path / "saved_model").exists()
    write_export(source.source, Export(), zoo.split(source), tmp_path, {"output": None})
    assert (tmp_path / "saved_model").is_dir()
