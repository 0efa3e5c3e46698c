from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import zoo

from litemill.config.schema.validate import Validate
from litemill.data.samples import Samples
from litemill.evaluation.validate import measure_variant
from litemill.report.layer_overlay import layer_overlay
from litemill.tflite.interpreter import Model

ROOT = Path(__file__).parents[2]
# Loads the overlay with the classes of Model Explorer, and the file with its adapter.
LOAD = """
import json, sys
from model_explorer.builtin_tflite_flatbuffer_adapter import BuiltinTfliteFlatbufferAdapter
from model_explorer import node_data_builder as builder
data = json.load(open(sys.argv[2]))
graphs = {
    key: builder.GraphNodeData(
        results={k: builder.NodeDataResult(**v) for k, v in graph["results"].items()},
        gradient=[builder.GradientItem(**stop) for stop in graph["gradient"]],
    )
    for key, graph in data.items()
}
written = json.loads(builder.ModelNodeData(graphsData=graphs).to_json_string())
converted = BuiltinTfliteFlatbufferAdapter().convert(sys.argv[1], {})["graphCollections"]
collections = json.loads(json.dumps(converted, default=vars))
nodes = {}
for collection in collections:
    for graph in collection["graphs"]:
        for node in graph["nodes"]:
            for output in node.get("outputsMetadata") or []:
                for attr in output["attrs"]:
                    if attr["key"] == "tensor_name":
                        nodes.setdefault(graph["id"], {})[attr["value"]] = node["label"]
print(json.dumps({"same": written.keys() == data.keys(), "nodes": nodes}))
"""


def test_a_variant_that_is_not_built_is_one_line(tmp_path):
    """Before any program is looked for."""
    done = subprocess.run(
        [sys.executable, "-m", "litemill", "explore", "int8"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "build/convert/int8/model.tflite" in done.stderr


def test_the_program_gets_the_file_and_its_overlay(tmp_path):
    """Its exit status is that of the command."""
    model = tmp_path / "build" / "convert" / "int8" / "model.tflite"
    overlay = tmp_path / "build" / "report" / "explore" / "int8_error_percent.json"
    for path in (model, overlay):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"{}")
    program = tmp_path / "bin" / "model-explorer"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(
        [sys.executable, "-m", "litemill", "explore", "int8", "--port", "8123", "--no-browser"],
        cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    expected = (
        "build/convert/int8/model.tflite"
        " --node_data_paths=build/report/explore/int8_error_percent.json"
        " --port=8123 --no_open_in_browser\n"
    )
    assert (3, expected) == (done.returncode, done.stdout)


@pytest.mark.slow
def test_model_explorer_finds_a_node_for_each_layer(tmp_path):
    """Its own code, in an environment of its own: graph and tensors are those that it shows."""
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "ai-edge-model-explorer>=0.1.34,<0.2"]
    if subprocess.run(install, check=False).returncode:
        pytest.skip("ai-edge-model-explorer is not to be had here")
    keras = zoo.cnn()
    float_file, int8_file = zoo.convert(keras), zoo.convert(keras, optimization="int8")
    inputs = {"image": zoo.batch_of(zoo.IMAGE, 20)}
    samples = Samples(inputs, {}, None, "none")
    measured = measure_variant(
        int8_file, variant="int8", reference=Model(float_file).run(inputs), samples=samples,
        signature=zoo.SIGNATURE, options=Validate(task="none"), float_content=float_file,
    )  # fmt: skip
    overlay = layer_overlay(measured["layers"])
    (tmp_path / "int8.tflite").write_bytes(int8_file)
    (tmp_path / "overlay.json").write_text(json.dumps(overlay))

    command = [python, "-c", LOAD, tmp_path / "int8.tflite", tmp_path / "overlay.json"]
    found = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    )

    assert found["same"]
    [(graph, data)] = overlay.items()
    labels = {name: found["nodes"][graph].get(name) for name in data["results"]}
    assert len(labels) == len(measured["layers"]) > 2
    assert None not in labels.values()
    assert "pseudo_const" not in labels.values()
    assert all(np.isfinite(result["value"]) for result in data["results"].values())
