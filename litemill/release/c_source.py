"""A model as C source, for microcontrollers that have no file system.

The array is const and aligned to 16 bytes, as LiteRT for Microcontrollers reads models in place;
alignment and linker section may be set from outside.
The header has sizes, types and quantization as constants, in the order of the model's inputs and
outputs, so that firmware needs no code to query them.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from litemill.release.render import render
from litemill.tflite.description import CONVERSIONS, INTEGER_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def array_name(release: str, variant: str) -> str:
    """Return the name of the array: that of the release and of the variant, as C allows."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{release}_{variant}")
    return f"model_{name}" if name[0].isdigit() else name


def is_integer_only(model: Description) -> bool:
    """Return whether a model needs no float hardware.

    Conversions at its inputs and outputs do not count.
    """
    inner = [op for op in model.operators if op.name not in CONVERSIONS]
    return bool(INTEGER_WEIGHTS & {*model.weights}) and not any(
        "float" in dtype for operator in inner for dtype in operator.dtypes
    )


def header_text(  # noqa: PLR0913
    name: str,
    content: bytes,
    model: Description,
    tensors: Mapping[str, Mapping[str, Tensor]],
    place: str,
    *,
    arena: int | None = None,
) -> str:
    """Write the header file.

    Args:
        name: of the array.
        content: the .tflite file.
        model: its description.
        tensors: "inputs" and "outputs", by the names that the signature gives them.
        place: name of the .tflite file in the release.
        arena: bytes of the smallest arena, where it was measured.
    """
    return render(
        "c_header.h.j2",
        arena=arena,
        name=name,
        macro=name.upper(),
        place=place,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        inputs=_constants(model.inputs, tensors["inputs"]),
        outputs=_constants(model.outputs, tensors["outputs"]),
    )


def source_text(name: str, content: bytes, place: str) -> str:
    """Write the source file, which includes the header `<stem of place>.h` beside it."""
    rows = (content[start : start + ROW] for start in range(0, len(content), ROW))
    return render(
        "c_source.c.j2",
        name=name,
        macro=name.upper(),
        place=place,
        sha256=hashlib.sha256(content).hexdigest(),
        header=PurePosixPath(place.removesuffix(".tflite")).name + ".h",
        rows="\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) + "," for row in rows),
    )


def array_bytes(source: str) -> bytes:
    """Read the bytes of the array back from a source file."""
    body = source.partition("_SIZE] = {\n")[2].partition("};")[0]
    return bytes(int(word, 16) for word in re.findall(r"0x([0-9a-f]{2}),", body))


def _constants(ordered: tuple[Tensor, ...], by_name: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Describe tensors in the order of the model; elements and bytes are of one sample."""
    names = {tensor.name: name for name, tensor in by_name.items()}
    constants = []
    for tensor in ordered:
        # TensorFlow Lite Micro takes a dimension that may be resized for 1.
        dims = [max(size, 1) for size in tensor.shape]
        elements = math.prod(dims[1:])
        name = re.sub(r'["\\]|[^\x20-\x7e]', "_", names.get(tensor.name, tensor.name))
        sizes = {"elements": elements, "bytes": elements * _width(tensor.dtype)}
        type_code = {"type": TYPES.get(tensor.dtype, 0)}
        constants.append({**asdict(tensor), "name": name, **type_code, **sizes, "shape": dims})
    return constants


def _width(dtype: str) -> int:
    bits = "".join(re.findall(r"\d+", dtype))
    return int(bits) // 8 if bits else 1
