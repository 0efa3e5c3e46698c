"""How far the outputs of other runtimes may be from the golden ones, in real units.

- a quantized output: one quantization step, and the steps by which other kernel sets differ from
  the golden outputs on these samples;
- a float output that is dequantized from integers: the same, in steps of these integers;
- another float output of a float model: 1e-4 of the output's range over all evaluation samples, and
  the difference of the kernel sets;
- another float output of a model that computes with integers: 1/255 of that range, which is one
  step of an int8 tensor that spans it, and the difference of the kernel sets;
- an integer output without a scale, such as a class index: 0.

Tolerances that are shares of a range are rounded up to 1, 2 or 5 times a power of ten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litemill.tflite.description import Tensor

FLOAT_SHARE = 1e-4
STEP_SHARE = 1 / 255
ROUNDING = 0.01  # of a step: that float32 adds to 2**15 steps


@dataclass(frozen=True)
class OutputScale:
    """What the tolerance of an output depends on beside the differences that were seen.

    Attributes:
        tensor: the output.
        step: of the integers that it is dequantized from; None where it is not.
        span: the lowest and the highest value over the evaluation samples.
        integer: whether the model computes with integers.
    """

    tensor: Tensor
    step: float | None
    span: tuple[float, float]
    integer: bool

    def tolerance(self, difference: float) -> float:
        """Return the tolerance where other kernel sets are this far from the golden output."""
        if self.tensor.scale:
            return float(f"{self.steps(difference) * self.tensor.scale:.6g}")
        if not self.tensor.dtype.startswith(("float", "bfloat")):
            return 0.0
        if self.step:
            return float(f"{(self.steps(difference) + ROUNDING) * self.step:.6g}")
        low, high = self.span
        share = STEP_SHARE if self.integer else FLOAT_SHARE
        return _rounded_up(((high - low) or abs(high) or 1.0) * share + difference)

    def steps(self, difference: float) -> int:
        """Return the tolerance in steps of an output that has some."""
        step = self.tensor.scale or self.step
        assert step, "an output of integers"
        return 1 + round(difference / step)


def _rounded_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten, so that noise in the last digits is lost."""
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{next(unit * f for f in (1, 2, 5, 10) if value <= unit * f * (1 + 1e-9)):.1g}")
