from __future__ import annotations

import re

import pytest
import tensorflow as tf
import zoo
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from litemill.config.schema.train import Model
from litemill.core.errors import ModelError
from litemill.models import graph_operators, kinds, saved_model
from litemill.models.graph_operators import CHECKPOINT, UNSAFE, refuse_operators
from litemill.models.untrusted_archive import UnsafeModelError

# Inputs and attributes by which an operator reaches for a file or an address ...
REACHES = re.compile(
    "(file|path|url|address|dir|vocab_file|.*_?filenames?|(file_)?patterns?|.*_urls|.*_file|logdir)$"
)
# ... and the operators whose inputs only sound like it.
HARMLESS = {
    "RegexReplace", "RegexFullMatch", "StaticRegexFullMatch", "StaticRegexReplace",
    "MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec",
}  # fmt: skip


def saved(folder, function):
    """Save a SavedModel with one function of x."""
    module = tf.Module()
    module.scale = tf.Variable([2.0])
    module.f = tf.function(
        lambda x: {"y": function(x) * module.scale},
        input_signature=[tf.TensorSpec([None, 1], name="x")],
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.f})
    return folder


def read_file(x):
    """Read the file as a number of bytes."""
    content = tf.io.read_file("/etc/hostname")
    return x + tf.cast(tf.strings.length(content), tf.float32)


def write_file(x):
    """Write a file in a branch that may never run."""

    def branch():
        with tf.control_dependencies([tf.io.write_file("/nowhere/written", "x")]):
            return tf.identity(x)

    return tf.cond(tf.reduce_sum(x) > 0, branch, lambda: x)


def python(x):
    """Call Python."""
    return tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), [None, 1])


def printing(x):
    """Print into a file."""
    tf.print("x", output_stream="file:///nowhere/printed")
    return x


def restore(x):
    """Read another checkpoint than the SavedModel's own."""
    return (
        x
        + tf.raw_ops.RestoreV2(
            prefix="/nowhere/other", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (read_file, "ReadFile"),
        (write_file, "WriteFile"),
        (python, "PyFunc"),
        (printing, "PrintV2"),
        (restore, "RestoreV2"),
    ],
)
def test_operators_that_reach_outside_are_refused_by_name(tmp_path, function, name):
    """In the main function and in those that it calls; and run where the user allows them."""
    folder = saved(tmp_path / "model", function)
    with pytest.raises(UnsafeModelError, match=name):
        refuse_operators(folder)

    with pytest.raises(UnsafeModelError, match=f": {name}"):
        refuse_operators(folder, ["Other"])
    refuse_operators(folder, [name])


def test_the_import_of_a_model_refuses_them_before_anything_is_loaded(tmp_path, monkeypatch):
    """And `allow_operators` lets them in."""
    folder, out = saved(tmp_path / "model", read_file), tmp_path / "out"
    out.mkdir()
    calls = []
    monkeypatch.setattr(saved_model, "load_signature", lambda *a: calls.append(a))
    with pytest.raises(UnsafeModelError) as caught:
        kinds.import_model(Model(file=str(folder)), out)

    assert [] == calls
    assert "operators that touch files: ReadFile" == caught.value.found
    kinds.import_model(Model(file=str(folder), allow_operators=["ReadFile"]), out)
    assert 1 == len(calls)


def test_a_table_read_from_a_file_is_refused(tmp_path):
    """It runs while the SavedModel is loaded, whatever is called afterwards."""
    (tmp_path / "words").write_text("a\nb\n")
    words = tf.lookup.TextFileInitializer(
        str(tmp_path / "words"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(words, -1)
    module.f = tf.function(
        lambda x: {"y": module.table.lookup(x)}, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.f})

    with pytest.raises(UnsafeModelError, match="InitializeTableFromTextFile"):
        refuse_operators(tmp_path / "model")


def test_a_saver_that_restores_another_checkpoint_is_refused(tmp_path):
    """The converter runs its function, and only the SavedModel's own weights are its to read."""
    folder = saved(tmp_path / "model", lambda x: x)
    path = folder / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    changed = 0
    for function in message.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "RestoreV2":
                node.input[0] = "elsewhere:output:0"
                constant = function.node_def.add(name="elsewhere", op="Const")
                constant.attr["dtype"].type = 7
                changed += 1
    path.write_bytes(message.SerializeToString())

    assert changed
    with pytest.raises(UnsafeModelError, match="RestoreV2"):
        refuse_operators(folder)


def test_models_that_keras_and_tensorflow_save_pass(tmp_path):
    """Their savers hold operators for checkpoints."""
    zoo.cnn().export(tmp_path / "keras", verbose=False)
    saved_model.save_keras(zoo.two_in_three_out(), tmp_path / "litemill", "serving_default")

    for folder in (tmp_path / "keras", tmp_path / "litemill", zoo.module_saved()):
        assert b"RestoreV2" in (folder / "saved_model.pb").read_bytes()
        refuse_operators(folder)


def test_damaged_graphs_are_refused_in_one_line(tmp_path):
    """As when they are loaded."""
    with pytest.raises(ModelError, match=r"no saved_model\.pb in it"):
        refuse_operators(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="no readable SavedModel"):
        refuse_operators(tmp_path)


def test_every_operator_of_tensorflow_that_takes_a_file_or_an_address_is_known():
    """A new TensorFlow with another such operator fails here."""
    buffer = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    operators = op_def_pb2.OpList.FromString(buffer).op
    reaching = {
        operator.name
        for operator in operators
        if any(REACHES.match(item.name) for item in (*operator.input_arg, *operator.attr))
    }

    assert len(reaching) > 40
    assert set() == reaching - set(UNSAFE) - CHECKPOINT - HARMLESS
    assert graph_operators.PYTHON <= {operator.name for operator in operators}
