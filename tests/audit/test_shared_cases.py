"""Real models and files, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litemill.audit.audit import audit
from litemill.audit.audit_result import Verdict
from litemill.audit.source_candidate import SourceRequest
from litemill.config.schema.train import Model

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"  # beside the repository


def case(folder, source, file, samples):
    """Audit one of the shared cases; skip where they are not."""
    if not (CASES / folder).is_dir():
        pytest.skip(f"the shared case {folder} is not here")
    return audit(
        SourceRequest(Model(file=str(CASES / folder / source)), str(samples)), CASES / folder / file
    )


def test_audit_fails_the_anomaly_detection_case_and_names_its_layers(tmp_path):
    """A real float file that is not what its source became: the biases of eight layers."""
    name = "anomaly_detection/normal_id_01_00000000_hist_librosa.bin"
    if not (CASES / name).is_file():
        pytest.skip("the shared case anomaly_detection is not here")
    frames = np.fromfile(CASES / name, np.float32).reshape(200, 128)
    windows = np.stack([frames[i : i + 5].ravel() for i in range(196)])
    np.save(tmp_path / "windows.npy", windows)

    found = case("anomaly_detection", "ad01.h5", "ad01_fp32.tflite", tmp_path / "windows.npy")

    layers = ", ".join(f"dense_{i}" for i in range(1, 9))
    assert Verdict.not_faithful == found.verdict
    assert f"biases of {layers} differ from the source's" == found.faults[0].found
    assert found.measures["dense_9"]["max_abs_error"] == pytest.approx(3.5, abs=0.05)


def test_audit_passes_the_streaming_wakeword_case():
    """A real int8 file, against a source that only Keras 2 loads."""
    samples = CASES / "streaming_wakeword" / "calibration_samples.npz"
    found = case("streaming_wakeword", "str_ww_ref_model.h5", "str_ww_ref_model.tflite", samples)

    assert (Verdict.faithful, "int8", 45) == (found.verdict, found.kind, found.samples)
    assert 1.0 == found.measures["dense"]["top1_agreement"]
    assert () == found.weights.differing()


def test_audit_passes_the_image_classification_case(tmp_path):
    """A real float file, on made-up pictures of every brightness."""
    source = np.random.default_rng(0)
    coarse = source.uniform(0, 255, (40, 4, 4, 3))
    np.save(tmp_path / "images.npy", coarse.repeat(8, axis=1).repeat(8, axis=2))
    found = case(
        "image_classification",
        "pretrainedResnet.h5",
        "pretrainedResnet.tflite",
        tmp_path / "images.npy",
    )

    assert (Verdict.faithful, "float32", []) == (found.verdict, found.kind, found.notes)
    assert found.measures["dense"]["max_abs_error"] < 2e-5
