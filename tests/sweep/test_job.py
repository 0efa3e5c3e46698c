"""A point computed: whichever process converts it, and whichever runs its file."""

from __future__ import annotations

import json
import subprocess
import sys

import packaged
import pytest
import yaml
import zoo
from project import ROOT

from litemill.config.parameters import to_plain
from litemill.config.schema.numerics import Numerics
from litemill.config.schema.train import Model
from litemill.config.schema.validate import Export, Validate
from litemill.conversion.export import write_export
from litemill.data.samples import Samples
from litemill.models.kinds import import_model

# Computes a point of Keras 2 as a sweep does, then measures its file as one that crashed before.
POINTS = """
import json, sys
from dataclasses import replace
from pathlib import Path
from litemill.config.schema.variant import Optimization, Route, Variant
from litemill.sweep.local import Local
from litemill.sweep.task import Task
task = Task("ab", Variant(route=Route.keras, optimization=Optimization.float16))
for _ in range(2):
    with Local(Path(sys.argv[1]), lambda *_: False, workers=1, seconds=300) as engine:
        ((_, found),) = engine.run([task])
    print(json.dumps([found.file, found.measured, found.error, found.content is None]))
    task = replace(task, deep=True, isolated=True, file=found.file, content=found.content)
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Return a build folder whose model is a file of Keras 2."""
    build = tmp_path_factory.mktemp("build")
    inputs = {"image": zoo.batch_of((8, 8, 1), 16, seed=1)}
    for split in ("calibration", "evaluation"):
        packaged.write_split(build / "prepare" / split, inputs)
    (build / "train").mkdir()
    source = import_model(Model(file=str(zoo.keras_2())), build / "train")
    write_export(source, Export(), Samples(inputs, {}, None, "none"), build / "export")
    told = {"numerics": to_plain(Numerics()), "validate": to_plain(Validate())}
    (build / "params.yaml").write_text(yaml.safe_dump(told))
    return build


@pytest.mark.slow
def test_a_model_of_keras_2_is_converted_elsewhere_and_measured_here_or_apart(build):
    """With the same result; what its layers are held against is made by Keras 2 as well."""
    command = [sys.executable, "-c", POINTS, str(build)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = map(json.loads, done.stdout.splitlines())
    assert ("float16", None, False) == (first[0]["kind"], *first[2:])
    assert 20 < first[1]["outputs"]["digit"]["snr_db"]
    assert [first[0], None, True] == [second[0], *second[2:]]
    assert first[1].items() <= second[1].items()
    assert {"default", "no_delegate", "reference"} == {*second[1]["kernels"]}
    assert second[1]["layers"]
