"""Vela: the bytes, what stays on the CPU, and what is a failure though Vela says success."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import zoo

from litemill.config.schema.target import EthosU
from litemill.core.errors import DataError, InterpreterError
from litemill.evaluation.checks import run_checks
from litemill.targets import compile as compile_stage
from litemill.targets.compile_record import read_record
from litemill.targets.vela import compile_model

SYSTEM = {
    "accelerator": "ethos-u55-128",
    "system_config": "Ethos_U55_High_End_Embedded",
    "memory_mode": "Shared_Sram",
}
TARGET = EthosU("ethos_u", **SYSTEM)


@pytest.fixture(scope="module")
def integers():
    """An int8 file with a batch of one."""
    model = zoo.cnn()
    return zoo.convert(model, "int8", input_type="int8", output_type="int8", batch=1)


def test_compiled_bytes_are_those_of_vela_run_by_hand(integers, tmp_path):
    """In another folder, under another file name."""
    (tmp_path / "mine.tflite").write_bytes(integers)
    program = "from ethosu.vela.vela import main; main()"
    command = [sys.executable, "-c", program, "mine.tflite", "--config", "Arm/vela.ini"]
    for option, value in SYSTEM.items():
        name = "accelerator-config" if option == "accelerator" else option.replace("_", "-")
        command += [f"--{name}", value]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    compiled = compile_model(integers, TARGET, tmp_path, "mine")

    assert (tmp_path / "output/mine_vela.tflite").read_bytes() == compiled.content
    assert 1.0 == compiled.record["npu_share"]
    assert [] == compiled.record["on_cpu"]
    assert compiled.record["ms"] > 0


def test_operators_on_the_cpu_are_named_with_the_reason(tmp_path):
    """Float ends of an int8 file; the check fails with them."""
    content = zoo.convert(zoo.cnn(), "int8", batch=1)
    record = compile_model(content, TARGET, tmp_path, "mine").record

    assert {"QUANTIZE", "DEQUANTIZE"} == {op["operator"] for op in record["on_cpu"]}
    assert all(op["reason"] != "Vela gives no reason" for op in record["on_cpu"])
    assert record["operators"] == record["npu_operators"] + 2
    measured = {"outputs": {"y": {"non_finite": 0}}, "bytes": 1, "compile": record}
    outcome = run_checks(measured, {"npu_share": 1.0})["npu_share"]
    assert not outcome.passed
    assert "QUANTIZE" in outcome.message


@pytest.mark.parametrize("name", ["float32", "dynamic_range", "float16"])
def test_nothing_on_the_npu_is_a_failure(name, tmp_path):
    """For which Vela itself exits with 0."""
    with pytest.raises(InterpreterError, match="nothing runs on the NPU"):
        compile_model(zoo.file(name), TARGET, tmp_path, "mine")


def test_a_file_that_is_none_fails_in_one_line(tmp_path):
    """Not with Vela's traceback."""
    with pytest.raises(InterpreterError, match="Vela failed"):
        compile_model(b"garbage", TARGET, tmp_path, "mine")


def stage(folder, files, targets, monkeypatch):
    """Run the stage on files by variant."""
    for part in ("validate", "convert"):
        (folder / "build" / part).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / "build/convert" / name).mkdir(exist_ok=True)
        (folder / "build/convert" / name / "model.tflite").write_bytes(content)
        digest = {"sha256": compile_stage.hashlib.sha256(content).hexdigest()}
        (folder / f"build/validate/{name}.json").write_text(json.dumps(digest))
    resolved = {"name": "mine", "options": {"kind": "ethos_u", **SYSTEM}, "versions": {}}
    params = {
        "report": {"variants": list(files)},
        "compile": dict.fromkeys(targets, resolved),
    }
    (folder / "build/params.json").write_text(json.dumps(params))
    monkeypatch.chdir(folder)
    build = folder / "build"
    compile_stage.run(
        converted=build / "convert", measurements=build / "validate", out=build / "compile"
    )


def test_the_stage_compiles_variants_on_an_npu_alone(tmp_path, integers, monkeypatch, capsys):
    """A failure is recorded for the gate; other variants have no record."""
    files = {"good": integers, "bad": zoo.file("float32"), "cpu": integers}
    stage(tmp_path, files, ["good", "bad"], monkeypatch)

    records = [read_record(tmp_path / "build/compile", name) for name in files]
    assert records[2] is None
    assert (None, False) == (records[0]["error"], records[1]["error"] is None)
    assert not (tmp_path / "build/compile/bad/model.tflite").exists()
    assert "bad: nothing runs on the NPU" in capsys.readouterr().err
    measured = {"outputs": {"y": {"non_finite": 0}}, "bytes": 1, "compile": records[1]}
    assert not run_checks(measured, {})["runs"].passed


def test_the_stage_refuses_a_file_that_was_not_measured(tmp_path, integers, monkeypatch):
    """Such as one of another build."""
    stage(tmp_path, {"good": integers}, [], monkeypatch)
    (tmp_path / "build/validate/good.json").write_text('{"sha256": "0"}')
    params = json.loads((tmp_path / "build/params.json").read_text())
    params["compile"] = {
        "good": {"name": "mine", "options": {"kind": "ethos_u", **SYSTEM}, "versions": {}}
    }
    (tmp_path / "build/params.json").write_text(json.dumps(params))
    build = tmp_path / "build"
    with pytest.raises(DataError, match="not the file that was measured"):
        compile_stage.run(
            converted=build / "convert", measurements=build / "validate", out=build / "compile"
        )
