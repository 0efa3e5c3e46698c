from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import zoo

from litemill.release.c_source import (
    array_bytes,
    array_name,
    header_text,
    is_integer_only,
    source_text,
)
from litemill.tflite.flatbuffer import describe
from litemill.tflite.interpreter import Model

PROGRAM = """\
#include <stdint.h>
#include <stdio.h>
#include "int8.h"
int main(void) {
  static const int dims[] = DIGITS_INT8_INPUT_0_DIMS;
  if ((uintptr_t)digits_int8 % DIGITS_INT8_ALIGNMENT || digits_int8_size != sizeof digits_int8)
    return 1;
  fprintf(stderr, "%s %d %d %d %u %u %.9g %d\\n", DIGITS_INT8_INPUT_0_NAME,
          DIGITS_INT8_INPUT_0_TYPE, dims[1], DIGITS_INT8_INPUT_0_RANK,
          DIGITS_INT8_INPUT_0_ELEMENTS, DIGITS_INT8_OUTPUT_0_BYTES,
          (double)DIGITS_INT8_OUTPUT_0_SCALE, DIGITS_INT8_OUTPUT_0_ZERO_POINT);
  return fwrite(digits_int8, 1, DIGITS_INT8_SIZE, stdout) != DIGITS_INT8_SIZE;
}
"""


@pytest.fixture(scope="module")
def model():
    """A small int8 model."""
    return zoo.convert(zoo.cnn(), "int8", input_type="int8", output_type="int8")


@pytest.fixture
def written(tmp_path, model):
    """A folder with its C source and a program that uses it."""
    loaded, place = Model(model), "variants/int8.tflite"
    tensors = {"inputs": loaded.inputs, "outputs": loaded.outputs}
    text = header_text("digits_int8", model, loaded.description, tensors, place)
    (tmp_path / "int8.h").write_text(text, encoding="utf-8")
    (tmp_path / "int8.c").write_text(source_text("digits_int8", model, place), encoding="utf-8")
    (tmp_path / "program.c").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs a C compiler")
@pytest.mark.parametrize("standard", ["c99", "c11", "c2x", "c++14"])
def test_the_c_source_compiles_without_a_warning_to_the_bytes_of_the_model(
    written, model, standard
):
    """Aligned, sized, and with the types and quantization of inputs and outputs as constants."""
    language = ["-x", "c++" if "+" in standard else "c", f"-std={standard}"]
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
    compiled = subprocess.run(
        ["gcc", *language, *strict, "int8.c", "program.c", "-o", "program"],
        cwd=written,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (compiled.returncode, compiled.stderr)
    ran = subprocess.run([written / "program"], capture_output=True, check=True)

    output = Model(model).outputs["digit"]
    expected = f"image 9 8 4 64 10 {output.scale:.9g} {output.zero_point}\n"
    assert expected == ran.stderr.decode()
    assert model == ran.stdout


@pytest.mark.parametrize(
    ("optimization", "expected"),
    [("none", False), ("dynamic_range", False), ("float16", False), ("int16x8", True)],
)
def test_only_models_that_compute_on_integers_are_for_microcontrollers(
    model, optimization, expected
):
    """Whatever the types of inputs and outputs are."""
    assert is_integer_only(describe(model))
    assert expected == is_integer_only(describe(zoo.convert(zoo.cnn(), optimization)))


def test_the_bytes_can_be_read_back_from_the_source(model):
    """So `verify` compares them with the model."""
    assert model == array_bytes(source_text("m", model, "variants/m.tflite"))


@pytest.mark.parametrize(
    ("release", "variant", "expected"),
    [
        ("digits_cnn", "int8", "digits_cnn_int8"),
        ("a-b", "x.y z", "a_b_x_y_z"),
        ("3d", "v", "model_3d_v"),
    ],
)
def test_the_arrays_name_is_one_that_c_takes(release, variant, expected):
    """Names of releases and variants may have dashes, dots and leading digits."""
    assert expected == array_name(release, variant)


def test_dims_have_one_in_the_place_of_a_free_batch_size(written):
    """As TensorFlow Lite Micro has them."""
    text = (written / "int8.h").read_text()

    assert "_DIMS {1, 8, 8, 1}" in text
    assert "ARENA" not in text


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs a C compiler")
@pytest.mark.parametrize("language", [("c", "c11"), ("c++", "c++17")])
def test_alignment_and_section_are_set_from_outside(written, language):
    """For flash that is not where constants usually are, and accelerators that read wider."""
    kind, standard = language
    options = ["-DDIGITS_INT8_ALIGNMENT=64", '-DDIGITS_INT8_SECTION=".model_flash"']
    command = ["gcc", "-x", kind, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    command += [*options, "-c", "int8.c", "-o", "int8.o"]
    subprocess.run(command, cwd=written, check=True)

    [section] = re.findall(
        r"\.model_flash .* 2\*\*(\d+)",
        subprocess.run(
            ["objdump", "-h", "int8.o"], cwd=written, capture_output=True, text=True, check=True
        ).stdout,
    )
    assert 64 == 2 ** int(section)
