"""The stage prepare as DVC starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from litemill.config.schema.prepare import Prepare, Split, Task
from litemill.core.files import tree_sha256
from litemill.data.prepare import prepare_splits
from litemill.data.samples import read_split

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "calibration", "evaluation")


def start(folder: Path, load: dict[str, str], **environment: str):
    """Run the stage as DVC does."""
    (folder / "build").mkdir(exist_ok=True)
    section = {"load": load, "task": "classification", "split": {"duplicates": "refuse"}}
    (folder / "build/params.json").write_text(json.dumps({"prepare": section}))
    command = [sys.executable, "-m", "stages.prepare"]
    env = {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_stage_writes_the_same_bytes_in_another_environment(tmp_path):
    """Hash seed, locale, time zone and folder do not matter."""
    for name, seed, zone in (("a", "1", "UTC"), ("b", "2", "Asia/Tokyo")):
        (tmp_path / name).mkdir()
        load = {"_target_": "data.digits.load"}
        done = start(tmp_path / name, load, PYTHONHASHSEED=seed, TZ=zone, LC_ALL="C")
        assert (0, "") == (done.returncode, done.stderr)
    assert tree_sha256(tmp_path / "a/build/prepare") == tree_sha256(tmp_path / "b/build/prepare")


def test_stage_tells_a_mistake_of_the_user_in_one_line_and_a_bug_with_its_traceback(tmp_path):
    """Both exit with 1."""
    (tmp_path / "mine.py").write_text("def load():\n    return {}['x']\n")
    bad = start(tmp_path, {"_target_": "litemill.data.loaders.npz", "path": "no.npz"})
    assert (1, "no.npz: no such file; expected a .npz file\n") == (bad.returncode, bad.stderr)
    bug = start(tmp_path, {"_target_": "mine.load"})
    assert 1 == bug.returncode
    assert "KeyError: 'x'" in bug.stderr
    assert not (tmp_path / "build/prepare").exists()


def test_diabetes_is_standardised(tmp_path):
    """Mean 0 and standard deviation 1 over all patients, each column and the target."""
    options = Prepare({"_target_": "data.diabetes.load"}, Task.regression, Split())
    prepare_splits(options, tmp_path / "out")
    samples = [read_split(tmp_path / "out" / name) for name in SPLITS]
    features = np.concatenate([split.inputs["features"] for split in samples])
    targets = np.concatenate([split.targets["progression"] for split in samples])
    assert ((442, 10), (442, 1)) == (features.shape, targets.shape)
    for values in (features, targets):
        np.testing.assert_allclose(values.astype(np.float64).mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(values.astype(np.float64).std(axis=0), 1, atol=1e-6)
