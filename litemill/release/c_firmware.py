"""What firmware with TensorFlow Lite Micro needs beside a model's array: operators, golden samples.

The sources are C11 and C++17, and need no file system and no standard output.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.release.render import render
from litemill.targets.tflm_operators import RESOLVER_METHODS
from litemill.tflite.graph import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from litemill.release.golden import Golden
    from litemill.tflite.description import Description, Tensor

    Array = np.ndarray[Any, np.dtype[Any]]

LINE = 12  # values in a line
C_TYPES = {"float32": "float", "float64": "double", "bool": "uint8_t"}


@dataclass(frozen=True)
class CModel:
    """A model that firmware holds as an array.

    Attributes:
        name: of the array.
        content: the .tflite file.
        description: of it.
        place: name of the .tflite file in the release.
    """

    name: str
    content: bytes
    description: Description
    place: str

    def values(self) -> dict[str, Any]:
        """Return what every template names."""
        return {
            "name": self.name,
            "macro": self.name.upper(),
            "place": self.place,
            "stem": PurePosixPath(self.place).stem,
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }


def operators_text(model: CModel) -> str:
    """Write the header that registers exactly the operators of a model; C++."""
    names = {operator.name for operator in model.description.operators}
    methods = sorted({RESOLVER_METHODS[name] for name in names})
    return render("c_operators.h.j2", methods=methods, **model.values())


def golden_text(model: CModel, golden: Golden) -> str:
    """Write the header with golden inputs and outputs, as the model stores them."""
    batch = _batch(golden)
    inputs = list(_arrays(model.description.inputs, golden.model.inputs, golden.inputs, batch))
    outputs = list(_arrays(model.description.outputs, golden.model.outputs, golden.outputs, batch))
    for output in outputs:
        output.update(_tolerance(output["output"], golden))
    samples = len(next(iter(golden.inputs.values())))
    return render(
        "c_golden.h.j2",
        **model.values(),
        samples=samples,
        batch=batch,
        calls=math.ceil(samples / batch),
        kernels="TensorFlow Lite Micro" if golden.kernels == "tflm" else golden.kernels,
        inputs=inputs,
        outputs=outputs,
    )


def example_texts(model: CModel, golden: Golden) -> tuple[str, str]:
    """Write a test in C, which calls a function of the firmware, and one in C++ that is ready."""
    batch = _batch(golden)
    inputs = _arrays(model.description.inputs, golden.model.inputs, golden.inputs, batch)
    outputs = _arrays(model.description.outputs, golden.model.outputs, golden.outputs, batch)
    values = {**model.values(), "batch": batch, "inputs": [*inputs], "outputs": [*outputs]}
    variables = sum(node.operator == "VAR_HANDLE" for node in nodes(model.content))
    return render("c_test.c.j2", **values), render("c_test.cc.j2", **values, variables=variables)


def _batch(golden: Golden) -> int:
    """Return how many samples a call takes; TensorFlow Lite Micro takes a free size for 1."""
    return max(1, next(iter(golden.model.inputs.values())).shape[0])


def _arrays(
    ordered: Iterable[Tensor],
    by_name: Mapping[str, Tensor],
    values: Mapping[str, Array],
    batch: int,
) -> Iterator[dict[str, Any]]:
    """Describe golden arrays in the order of the file's tensors, a row for each call."""
    names = {tensor.name: name for name, tensor in by_name.items()}
    for tensor in ordered:
        samples = values[names[tensor.name]]
        calls = math.ceil(len(samples) / batch)
        # The last call is filled up with the last sample.
        rows = samples[np.minimum(np.arange(calls * batch), len(samples) - 1)].reshape(calls, -1)
        yield {
            "output": names[tensor.name],
            "type": C_TYPES.get(tensor.dtype, f"{tensor.dtype}_t"),
            "elements": rows.shape[1],
            "rows": ",\n".join(_row(row) for row in rows),
        }


def _tolerance(output: str, golden: Golden) -> dict[str, Any]:
    scale = golden.model.outputs[output].scale
    tolerance = golden.target_tolerances[output]
    return {"steps": bool(scale), "tolerance": round(tolerance / scale) if scale else tolerance}


def _row(values: Array) -> str:
    words = [_word(value) for value in values.tolist()]
    lines = [", ".join(words[i : i + LINE]) for i in range(0, len(words), LINE)]
    return "  {" + ",\n   ".join(lines) + "}"


def _word(value: Any) -> str:
    if not isinstance(value, float):
        return str(int(value))
    if math.isfinite(value):
        return f"{value:.9g}"
    return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
