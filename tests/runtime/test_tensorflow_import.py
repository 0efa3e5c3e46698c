"""TensorFlow is imported without what Keras would take along."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys

import pytest

from litemill.runtime import tensorflow_import

START = """
import sys
from litemill.runtime.tensorflow_start import start_tensorflow
from litemill.config.schema.numerics import Numerics

tf = start_tensorflow(Numerics(), legacy=sys.argv[1] == "2")
print(sorted({"matplotlib", "pandas", "sklearn"} & {*sys.modules}))
import pandas, sklearn
print(pandas.DataFrame.__name__, sklearn.__name__)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(tf.zeros([4, 2]), tf.zeros([4, 1]), verbose=0)
print(tf.keras.Sequential.__module__.partition(".")[0])
"""


@pytest.mark.parametrize(("version", "keras"), [("2", "tf_keras"), ("3", "keras")])
def test_extras_of_keras_are_left_out_and_can_be_imported_later(tmp_path, version, keras):
    """Data of a user's own may come as tables."""
    command = [sys.executable, "-c", START, version]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = ["[]", "DataFrame sklearn", keras]
    assert expected == done.stdout.splitlines()


def test_what_was_there_stays(monkeypatch):
    """A module that was imported before is neither hidden nor forgotten; nothing else changes."""
    there = type(sys)("pandas")
    monkeypatch.setitem(sys.modules, "pandas", there)
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    with tensorflow_import.fast_imports():
        assert not gc.isenabled()
        assert there is sys.modules["pandas"]
        with pytest.raises(ImportError):
            importlib.import_module("sklearn")
    assert gc.isenabled()
    assert there is sys.modules["pandas"]
    assert "sklearn" not in sys.modules
