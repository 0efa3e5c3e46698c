"""Find the tensor of a float file that becomes infinite or NaN on calibration samples.

TensorFlow's calibrator ends the process there (SIGSEGV), without a word. So graphs that can come to
such numbers at all run on the samples first, with every tensor preserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import ConversionError, InterpreterError
from litemill.tflite.constants import constants
from litemill.tflite.debug_interpreter import DebugInterpreter
from litemill.tflite.flatbuffer import describe
from litemill.tflite.graph import nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Operators whose answer to finite numbers may be none.
RISKY = {"DIV", "EXP", "FLOOR_DIV", "FLOOR_MOD", "LOG", "POW", "REDUCE_PROD", "RSQRT", "SQRT"}
LARGE = 1e18  # constants from which on products overflow float32
CURE = "keep it finite (a small number added before LOG, DIV or RSQRT), or use dynamic_range"


def refuse_infinite(
    content: bytes, key: str, batches: Callable[[], Iterable[dict[str, Any]]], place: object
) -> None:
    """Refuse samples on which a tensor of a float file is not finite.

    Args:
        content: the float file that is to be calibrated.
        key: the signature; a file without it is run by its tensors' order.
        batches: iterates over the representative dataset, inputs by name.
        place: what errors call the variant.

    Raises:
        ConversionError: names the first such tensor, its operator and the sample.
    """
    if not _is_risky(content):
        return
    try:
        model = DebugInterpreter(content, signature=_signature(content, key), place=place)
        _run(model, content, batches(), place)
    except InterpreterError:
        return  # operators of others, which the converter's own interpreter has


def _is_risky(content: bytes) -> bool:
    if RISKY & {node.operator for node in nodes(content)}:
        return True
    values = (array for array in constants(content).values() if array.dtype == np.float32)
    return any(not (np.abs(array) < LARGE).all() for array in values)


def _signature(content: bytes, key: str) -> str | None:
    return key if key in {signature.key for signature in describe(content).signatures} else None


def _run(
    model: DebugInterpreter, content: bytes, batches: Iterable[dict[str, Any]], place: object
) -> None:
    order = nodes(content, model.subgraph)
    for number, inputs in enumerate(batches, 1):
        if set(inputs) != set(model.inputs):
            pairs = zip(sorted(inputs), model.inputs, strict=True)
            inputs = {tensor: inputs[name] for name, tensor in pairs}  # noqa: PLW2901
        model.run(inputs)
        for node in order:
            for tensor in node.outputs:
                if model.is_real(tensor) and (kind := _not_finite(model.tensor(tensor))):
                    found = f"{node.operator} {model.name(tensor)!r} is {kind}"
                    raise ConversionError(place, f"{found} on calibration sample {number}", CURE)


def _not_finite(values: Any) -> str:
    if np.isfinite(values).all():
        return ""
    return "NaN" if np.isnan(values).any() else "infinite"
