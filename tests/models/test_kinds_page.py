"""The documentation's page on adding a kind, done as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending" / "source_kind.md"
# Freezes a graph, then does what train, export and convert do; prints what the file answers.
PROGRAM = """
from pathlib import Path
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from litemill.config.schema.train import Model
from litemill.config.schema.variant import Variant
from litemill.conversion.convert import convert_variant
from litemill.models.exported_model import export_model
from litemill.models.kinds import import_model, open_model
from litemill.tflite.interpreter import Model as LiteRT

weights = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
function = tf.function(lambda x: tf.identity(x @ weights, name="y"))
concrete = function.get_concrete_function(tf.TensorSpec([None, 2], name="x"))
graph = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
Path("graph.pb").write_bytes(graph.SerializeToString())
model = Model(frozen_graph={"file": "graph.pb", "inputs": ["x"], "outputs": ["y"]})
assert ["frozen_graph"] == model.source_kinds()
Path("train").mkdir()
print(import_model(model, Path("train")).describe(model))
exported = export_model(open_model(Path("train")), Path("export"), "any")
file = convert_variant("v", Variant(batch=2), exported, None).content
print(LiteRT(file).run({"x": np.eye(2, dtype=np.float32)})["y"].tolist())
"""


def apply_page(package):
    """Write what the page shows into a copy of the package; return the files that it touches."""
    pattern = r'```python\n# ([^\s,]+)(?:, (before|in place of) "([^\n]+)")?\n(.*?)```'
    touched = set()
    for name, how, line, body in re.findall(pattern, PAGE.read_text(), re.DOTALL):
        path = package / name
        text = path.read_text() if how else ""
        assert text.count(line) == 1 or not how
        start = text.index(line) if how else 0
        stop = start if how != "in place of" else text.index("\n", start) + 1
        path.write_text(text[:start] + body + text[stop:])
        touched.add(name)
    return touched


def test_a_kind_is_added_as_its_page_says(tmp_path):
    """One module, its line in the table and its option; then it is imported and converted."""
    shutil.copytree(
        ROOT / "litemill", tmp_path / "litemill", ignore=shutil.ignore_patterns("__pycache__")
    )
    touched = apply_page(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    described, answer = done.stdout.splitlines()
    assert "a frozen graph, graph.pb" == described
    assert "[[1.0, 2.0], [3.0, 4.0]]" == answer
    assert {
        "litemill/models/frozen_graph_source.py",
        "litemill/models/kinds.py",
        "litemill/config/schema/train.py",
    } == touched
