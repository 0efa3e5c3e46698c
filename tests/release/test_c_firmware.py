"""What a release has for firmware, judged by tflite-micro, Vela and compilers of C and C++."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import micro
import numpy as np
import pytest
import zoo
from packaged import build, collect

from litemill.config.schema.target import EthosU, Tflm
from litemill.core.errors import LitemillError
from litemill.core.files import read_json, sha256, tree_files
from litemill.data.samples import Samples
from litemill.evaluation.target_measurement import MeasuredTarget
from litemill.release.golden import record_golden
from litemill.release.golden_check import GoldenCase, compare_outputs
from litemill.targets.tflm_operators import RESOLVER_METHODS
from litemill.targets.vela import compile_model
from litemill.tflite.flatbuffer import describe
from litemill.tflite.interpreter import Kernels, Model

STUB = Path(__file__).with_name("stub_tflm")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
TFLM = MeasuredTarget("tflm", Tflm("tflm"))
NPU = EthosU(
    "ethos_u", accelerator="ethos-u55-128", system_config="Ethos_U55_High_End_Embedded",
    memory_mode="Shared_Sram",
)  # fmt: skip
ENDS = (".c", ".h", "_operators.h", "_golden.h", "_test.c", "_test.cc")
TYPES = {"int8": 9, "float32": 1}  # TfLiteType
pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")


@pytest.fixture(scope="module")
def files():
    """An int8 file; one of int16 with float outputs; one for an NPU, before Vela."""
    model = zoo.cnn()
    int8 = zoo.convert(model, "int8", input_type="int8", output_type="int8", batch=1)
    return {"mcu": int8, "int16": zoo.convert(model, "int16x8", batch=1), "npu": int8}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, files):
    """A bundle with these three, as the stages make it."""
    folder = tmp_path_factory.mktemp("firmware")
    compiled = {"npu": compile_model(files["npu"], NPU, folder, "npu")}
    targets = dict.fromkeys(files, TFLM)
    return collect(build(folder / "build", files, targets, compiled))


def golden(bundle, variant, part):
    """Return the record of the one golden array, and its values."""
    [record] = read_json(bundle / "golden/golden.json")["variants"][variant][part].values()
    return record, np.load(bundle / "golden" / record["file"])


@pytest.mark.parametrize("variant", ["mcu", "int16"])
def test_golden_outputs_are_answers_of_tflite_micro_bit_for_bit(bundle, files, variant):
    """As arrays for numpy, and as raw binary."""
    told = read_json(bundle / "golden/golden.json")["variants"][variant]
    _, inputs = golden(bundle, variant, "inputs")
    record, outputs = golden(bundle, variant, "outputs")

    assert "tflm" == told["kernels"]
    assert np.array_equal(micro.answers(files[variant], inputs), outputs)
    assert outputs.tobytes() == (bundle / "golden" / record["raw"]).read_bytes()


def test_a_variant_for_a_target_has_all_sources(bundle):
    """Beside the model; the file for an NPU too, as Vela compiled it."""
    names = tree_files(bundle)
    manifest = read_json(bundle / "manifest.json")["variants"]

    for variant in ("mcu", "int16", "npu"):
        assert {f"c/{variant}{end}" for end in ENDS} < set(names)
    assert sha256(bundle / "compiled/npu.tflite") == manifest["npu"]["compiled"]["sha256"]
    assert manifest["npu"]["compiled"]["vela_estimate"]["ms"] > 0
    assert manifest["mcu"]["target"]["arena_bytes"] > 0
    assert "compiled" not in manifest["mcu"]


@pytest.mark.parametrize("variant", ["mcu", "int16", "npu"])
def test_the_header_registers_exactly_the_operators_of_the_file_that_is_flashed(bundle, variant):
    """With their count, and the names of TensorFlow Lite Micro's methods."""
    folder = "compiled" if variant == "npu" else "variants"
    content = (bundle / folder / f"{variant}.tflite").read_bytes()
    names = {operator.name for operator in describe(content).operators}
    text = (bundle / f"c/{variant}_operators.h").read_text()

    assert {RESOLVER_METHODS[name] for name in names} == set(
        re.findall(r"resolver\.(Add\w+)", text)
    )
    assert f"#define DIGITS_{variant.upper()}_OPERATORS {len(names)}\n" in text
    assert ("AddEthosU" in text) == (variant == "npu")


def firmware(bundle, files, folder, variant, *options, arena=None):
    """Build the test of a variant as firmware does, against a stub, and return how it ends.

    The stub has the answers of tflite-micro, called here.
    """
    _, inputs = golden(bundle, variant, "inputs")
    answers = micro.answers(files[variant], inputs)
    pairs = b"".join(i.tobytes() + o.tobytes() for i, o in zip(inputs, answers, strict=True))
    (folder / "answers.bin").write_bytes(pairs)
    text = (bundle / f"c/{variant}_operators.h").read_text()
    methods = re.findall(r"resolver\.(Add\w+)", text)
    size = read_json(bundle / "manifest.json")["variants"][variant]["target"]["arena_bytes"]
    macros = {
        "STUB_ANSWERS": '"answers.bin"',
        "STUB_METHODS": " ".join(f"STUB_METHOD({name})" for name in methods),
        "STUB_OPERATORS": len(methods),
        "STUB_ARENA": arena or size,
        "STUB_INPUT_BYTES": inputs[0].nbytes,
        "STUB_OUTPUT_BYTES": answers[0].nbytes,
        "STUB_INPUT_TYPE": TYPES[inputs.dtype.name],
        "STUB_OUTPUT_TYPE": TYPES[answers.dtype.name],
        f"DIGITS_{variant.upper()}_TEST_MAIN": 1,
    }
    defines = [f"-D{name}={value}" for name, value in macros.items()] + list(options)
    source = bundle / "c" / variant
    for name in (f"{source}.c", f"{source}_test.c"):
        command = ["gcc", "-std=c11", *STRICT, *options, "-c", name]
        subprocess.run(command, cwd=folder, check=True)
    command = ["g++", "-std=c++17", *STRICT, *defines, f"-I{STUB}", f"{source}_test.cc"]
    command += [f"{variant}.o", f"{variant}_test.o", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return subprocess.run(["./program"], cwd=folder, check=False).returncode


@pytest.mark.parametrize("variant", ["mcu", "int16"])
def test_firmware_with_the_answers_of_tflite_micro_passes_its_test(
    bundle, files, tmp_path, variant
):
    """Exactly: the tolerance is none here. C11 and C++17, without a warning."""
    none = f"-DDIGITS_{variant.upper()}_GOLDEN_OUTPUT_0_TOLERANCE=0"

    assert 0 == firmware(bundle, files, tmp_path, variant, none)


def test_firmware_with_other_answers_fails_its_test(bundle, files, tmp_path):
    """One more than the tolerance, in the last value of the last sample."""
    assert 0 == firmware(bundle, files, tmp_path, "mcu")
    [steps] = re.findall(r"_TOLERANCE (\d+)", (bundle / "c/mcu_golden.h").read_text())
    content = bytearray((tmp_path / "answers.bin").read_bytes())
    wrong = np.frombuffer(content, np.int8)
    wrong[-1] += (int(steps) + 1) * (-1 if wrong[-1] > 0 else 1)
    (tmp_path / "answers.bin").write_bytes(content)

    assert 1 == subprocess.run(["./program"], cwd=tmp_path, check=False).returncode


def test_the_arena_is_the_measured_one_and_can_be_set_from_outside(bundle, files, tmp_path):
    """Of a compiled file none was measured: the firmware has to name it."""
    option = "-DDIGITS_MCU_ARENA_BYTES=123456"
    assert 0 == firmware(bundle, files, tmp_path, "mcu", option, arena=123456)

    command = ["g++", "-std=c++17", f"-I{STUB}", "-fsyntax-only", bundle / "c/npu_test.cc"]
    command += ["-DSTUB_METHODS=STUB_METHOD(AddEthosU)", '-DSTUB_ANSWERS=""', "-DSTUB_OPERATORS=1"]
    command += [f"-DSTUB_{name}=1" for name in ("ARENA", "INPUT_BYTES", "OUTPUT_BYTES")]
    command += ["-DSTUB_INPUT_TYPE=9", "-DSTUB_OUTPUT_TYPE=9"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "define DIGITS_NPU_ARENA_BYTES" in refused.stderr
    subprocess.run([*command, "-DDIGITS_NPU_ARENA_BYTES=4096"], check=True)


@pytest.mark.parametrize("language", [("gcc", "c11"), ("g++", "c++17")])
def test_the_sources_in_c_are_c_and_cpp(bundle, tmp_path, language):
    """A firmware build may take both."""
    compiler, standard = language
    kind = "c" if compiler == "gcc" else "c++"
    for end in (".c", "_test.c"):
        command = [compiler, "-x", kind, f"-std={standard}", *STRICT, "-fsyntax-only"]
        subprocess.run([*command, bundle / f"c/npu{end}"], cwd=tmp_path, check=True)


def test_a_float_output_of_an_int16_model_is_held_to_steps_of_int16(files):
    """Not to 1/255 of its range: the answers of every kernel set are nearer than that."""
    images = zoo.batch_of(zoo.IMAGE, 8)
    samples = Samples({"image": images}, {}, None, "none")

    tolerance = record_golden(files["int16"], samples, {}).tolerances["digit"]

    runs = [Model(files["int16"], kernels=one).run({"image": images})["digit"] for one in Kernels]
    span = float(np.ptp(runs[0]))
    apart = max(float(np.abs(runs[0] - other).max()) for other in runs)
    assert apart <= tolerance < span / 255 / 20


def test_verify_holds_litert_to_the_tolerance_for_other_runtimes(bundle, tmp_path):
    """An answer beyond it is named."""
    case = GoldenCase(
        bundle, "mcu", "serving_default",
        read_json(bundle / "golden/golden.json")["variants"]["mcu"],
    )  # fmt: skip
    assert compare_outputs(case)["digit"] <= case.record["outputs"]["digit"]["tolerance"]

    shutil.copytree(bundle, tmp_path / "changed")
    record, outputs = golden(bundle, "mcu", "outputs")
    other = np.ascontiguousarray(np.flip(outputs, 1))
    np.save(tmp_path / "changed/golden" / record["file"], other)
    (tmp_path / "changed/golden" / record["raw"]).write_bytes(other.tobytes())
    with pytest.raises(LitemillError, match="differs from the golden output"):
        compare_outputs(GoldenCase(tmp_path / "changed", "mcu", "serving_default", case.record))


def test_verify_names_raw_values_that_are_not_those_of_the_array(bundle, tmp_path):
    """Firmware reads the one, this program the other."""
    shutil.copytree(bundle, tmp_path / "changed")
    record, outputs = golden(bundle, "mcu", "outputs")
    (tmp_path / "changed/golden" / record["raw"]).write_bytes(outputs[:, ::-1].tobytes())
    told = read_json(bundle / "golden/golden.json")["variants"]["mcu"]

    with pytest.raises(LitemillError, match="other values"):
        compare_outputs(GoldenCase(tmp_path / "changed", "mcu", "serving_default", told))
