"""Run a file and read any of its tensors afterwards."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from litemill.tflite.description import Tensor
from litemill.tflite.interpreter import Kernels, Model
from litemill.tflite.quantization import dequantize

Array = np.ndarray[Any, np.dtype[Any]]


class DebugInterpreter(Model):
    """A model that keeps its tensors; on the kernels without a delegate, which would fuse layers.

    Tensors go by their number in the subgraph that runs.
    """

    def __init__(self, content: bytes, *, signature: str | None, place: object) -> None:
        """Load `content`; otherwise as `Model`."""
        super().__init__(
            content,
            signature=signature,
            kernels=Kernels.no_delegate,
            place=place,
            preserve_tensors=True,
        )

    def tensor(self, number: int) -> Array:
        """Return a tensor of the last call in real numbers."""
        details = self._details[number]
        values = self._interpreter.get_tensor(number, self.subgraph)
        scale, zero = details["quantization"]
        if not scale:
            return np.asarray(values)
        return dequantize(values, Tensor("", str(values.dtype), (), scale, zero))

    def name(self, number: int) -> str:
        """Return a tensor's name."""
        return str(self._details[number]["name"])

    def is_real(self, number: int) -> bool:
        """Return whether a tensor holds real numbers: floats, or integers with a scale."""
        details = self._details[number]
        return np.dtype(details["dtype"]).kind == "f" or bool(details["quantization"][0])

    def holds(self, number: int) -> tuple[float, float] | None:
        """Return the lowest and the highest number that a quantized tensor can hold."""
        details = self._details[number]
        scale, zero = details["quantization"]
        if not scale:
            return None
        limits = np.iinfo(details["dtype"])
        return float(scale * (limits.min - zero)), float(scale * (limits.max - zero))

    @cached_property
    def _details(self) -> dict[int, dict[str, Any]]:
        tensors = self._interpreter.get_tensor_details(self.subgraph)
        return {details["index"]: details for details in tensors}
