"""A model as C source, for microcontrollers that have no file system.

The array is const and aligned to 16 bytes, as LiteRT for Microcontrollers reads models in place.
The header tells sizes, types and quantization as constants, in the order of the model's inputs and
outputs, so that firmware needs no code to ask for them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from litemill.tflite.description import CONVERSIONS, INTEGER_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litemill.tflite.description import Description, Tensor

ROW = 12  # bytes in a line
# Values of TfLiteType in LiteRT's core/c/c_api_types.h.
TYPES = {
    "float32": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "float16": 10,
    "float64": 11,
}


def symbol(release: str, variant: str) -> str:
    """Give the array's name: that of the release and of the variant, as C allows."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{release}_{variant}")
    return f"model_{name}" if name[0].isdigit() else name


def integer(found: Description) -> bool:
    """Tell whether a model computes on integers throughout, so that no float hardware is needed.

    Conversions at its inputs and outputs do not count.
    """
    inner = [one for one in found.operators if one.name not in CONVERSIONS]
    return bool(INTEGER_WEIGHTS & {*found.weights}) and not any(
        "float" in one.types for one in inner
    )


def header(
    name: str,
    content: bytes,
    found: Description,
    tensors: Mapping[str, Mapping[str, Tensor]],
    place: str,
) -> str:
    """Give the header file.

    Args:
        name: the array's.
        content: the .tflite file.
        found: what the file is.
        tensors: "inputs" and "outputs", by the names that the signature gives them.
        place: name of the .tflite file in the release.
    """
    big = name.upper()
    lines = _opening(name, big, content, place)
    order = {"inputs": found.inputs, "outputs": found.outputs}
    for kind, ordered in order.items():
        lines += ["", f"#define {big}_{kind.upper()} {len(ordered)}"]
        names = {tensor.name: name for name, tensor in tensors[kind].items()}
        for number, tensor in enumerate(ordered):
            told = names.get(tensor.name, tensor.name)
            lines += _constants(f"{big}_{kind[:-1].upper()}_{number}", told, tensor)
    return "\n".join([*lines, "", f"#endif /* {big}_H_ */", ""])


def source(name: str, content: bytes, place: str) -> str:
    """Give the source file, which includes the header `<stem of place>.h` beside it."""
    stem = place.rpartition("/")[2].removesuffix(".tflite")
    rows = (content[start : start + ROW] for start in range(0, len(content), ROW))
    body = "\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) + "," for row in rows)
    return f"""\
/* {place}, SHA-256 {hashlib.sha256(content).hexdigest()}. Generated; do not edit. */
#include "{stem}.h"

#if defined(__cplusplus) && __cplusplus >= 201103L
#define LITEMILL_ALIGNED alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L && __STDC_VERSION__ < 202311L
#define LITEMILL_ALIGNED _Alignas(16)
#elif defined(__GNUC__)
#define LITEMILL_ALIGNED __attribute__((aligned(16)))
#elif defined(__ICCARM__) || defined(_MSC_VER)
#error "align the array below to 16 bytes as your compiler does it"
#else
#define LITEMILL_ALIGNED
#endif

LITEMILL_ALIGNED const unsigned char {name}[{name.upper()}_SIZE] = {{
{body}
}};
const unsigned int {name}_size = {name.upper()}_SIZE;
"""


def content(text: str) -> bytes:
    """Give back the bytes of the array in a source file."""
    body = text.partition("_SIZE] = {\n")[2].partition("};")[0]
    return bytes(int(word, 16) for word in re.findall(r"0x([0-9a-f]{2}),", body))


def _opening(name: str, big: str, content: bytes, place: str) -> list[str]:
    """Give the lines above the constants of the tensors."""
    return [
        f"/* {place}, SHA-256 {hashlib.sha256(content).hexdigest()}. Generated; do not edit. */",
        f"#ifndef {big}_H_",
        f"#define {big}_H_",
        "",
        f"#define {big}_SIZE {len(content)}u /* bytes */",
        f"#define {big}_ALIGNMENT 16",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        f"extern const unsigned char {name}[{big}_SIZE];",
        f"extern const unsigned int {name}_size;",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "/* TYPE is a TfLiteType, DIMS a list with -1 where the size may be set; BYTES and",
        "   ELEMENTS are of one sample. Real = SCALE * (stored - ZERO_POINT), if QUANTIZED. */",
    ]


def _constants(prefix: str, name: str, tensor: Tensor) -> Iterator[str]:
    elements = 1
    for size in tensor.shape[1:]:
        elements *= max(size, 1)
    yield f'#define {prefix}_NAME "{_quoted(name)}"'
    yield f"#define {prefix}_TYPE {TYPES.get(tensor.dtype, 0)} /* {tensor.dtype} */"
    yield f"#define {prefix}_DIMS {{{', '.join(str(size) for size in tensor.shape) or '1'}}}"
    yield f"#define {prefix}_RANK {len(tensor.shape)}"
    yield f"#define {prefix}_ELEMENTS {elements}u"
    yield f"#define {prefix}_BYTES {elements * _width(tensor.dtype)}u"
    yield f"#define {prefix}_QUANTIZED {int(tensor.scale is not None)}"
    if tensor.scale is not None:
        # 17 digits give the same double back, and so the same float.
        yield f"#define {prefix}_SCALE {tensor.scale:.17e}f"
        yield f"#define {prefix}_ZERO_POINT ({tensor.zero_point or 0})"


def _width(dtype: str) -> int:
    bits = "".join(re.findall(r"\d+", dtype))
    return int(bits) // 8 if bits else 1


def _quoted(name: str) -> Any:
    return re.sub(r'["\\]|[^\x20-\x7e]', "_", name)
