"""Decide how near a conversion's outputs have to be to its source's, by what the file is.

These limits ask whether a file is a conversion of that model at all, not whether it is good enough
to ship (the gate of a release asks that). So they let through what correct conversions do on hard
samples; a file of nearly the same weights is recognised by its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.evaluation.channels import ChannelErrors
from litemill.evaluation.fidelity import Agreement, Fidelity
from litemill.evaluation.lost_channels import describe_lost

if TYPE_CHECKING:
    from litemill.tflite.description import Description

    Array = np.ndarray[Any, np.dtype[Any]]

MIN_SAMPLES = 10  # for a share of them to say something


@dataclass(frozen=True)
class Tolerance:
    """The least that the outputs of a file have to reach."""

    snr_db: float
    top1_agreement: float  # of outputs that are probabilities


# Quantized classifiers change their mind where two classes are close; on samples unlike those of
# training (white noise, say) that is one in eight for a correct int8 ResNet.
TOLERANCES = {
    # Kernels add in another order, a relative 1e-6: correct files have 105 dB and more, while one
    # bias that is off by 1e-3 of the signal leaves 60.
    "float32": Tolerance(80, 0.99),
    # Weights of 11 bits are off by 2e-4: 65 to 75 dB for one layer, less by each further one.
    "float16": Tolerance(40, 0.95),
    # int8 activations of 7 bits and a sign: 20 to 40 dB; 15 for a softmax far from its training.
    "dynamic range": Tolerance(15, 0.8),
    "int8": Tolerance(12, 0.8),
    "mixed": Tolerance(12, 0.8),
    # int8 weights, activations that are good for 90 dB; but with few samples to calibrate on, they
    # are cut off: 16 dB and more.
    "int16x8": Tolerance(12, 0.8),
}
# Weights of 15 values: 18 dB in one layer; of 3 values, only roughly the same.
FEW_BITS = {"int4": Tolerance(6, 0.5), "uint4": Tolerance(6, 0.5), "int2": Tolerance(-3, 0)}


def tolerance_of(description: Description, arithmetic: str) -> Tolerance:
    """Choose the limits for a file by its arithmetic (`verification.arithmetic_of`) and weights."""
    narrow = [
        FEW_BITS[dtype] for dtype in ("int2", "int4", "uint4") if dtype in description.weights
    ]
    return narrow[0] if narrow else TOLERANCES[arithmetic]


def measure_output(reference: Array, output: Array) -> dict[str, Any]:
    """Measure an output: what `Fidelity` does, and `top1_agreement` where it has classes.

    `broken` counts numbers that are NaN or infinite where the source's are not; `channels` has
    those that vary in the source and are constant or noise in the file.
    """
    fidelity = Fidelity()
    fidelity.add(reference, output)
    broken = int((np.isfinite(reference) & ~np.isfinite(output)).sum())
    agreement = None
    if is_probability(reference):
        counted = Agreement()
        counted.add(reference, output)
        agreement = counted.share()
    channels = ChannelErrors()
    channels.add(reference, output)
    return {
        **fidelity.measures(),
        "broken": broken,
        "top1_agreement": agreement,
        "channels": channels.measures(),
    }


def is_probability(reference: Array) -> bool:
    """Return whether every row of an output [samples, classes] is a distribution over classes."""
    if reference.ndim != 2 or reference.shape[1] < 2 or reference.dtype.kind != "f":  # noqa: PLR2004
        return False
    return bool((reference >= 0).all() and np.allclose(reference.sum(axis=1), 1, atol=1e-3))


def shortfalls(name: str, measures: dict[str, Any], least: Tolerance, samples: int) -> list[str]:
    """List in words where an output's measures are below the limits."""
    if measures["broken"]:
        return [f"{measures['broken']} NaN or infinite values in output {name!r}"]
    messages = []
    snr, agreement = measures["snr_db"], measures["top1_agreement"]
    if snr is not None and snr < least.snr_db:
        largest = f"max. difference {measures['max_abs_error']:.3g}"
        messages.append(f"output {name!r} at {snr:.1f} dB ({largest}), expected {least.snr_db:g}")
    channels = measures["channels"]
    if channels["lost"] and least.snr_db > 0:
        lost = describe_lost(channels["worst"], channels["lost"])
        messages.append(f"output {name!r}: {channels['lost']} channels are lost ({lost})")
    if agreement is not None and samples >= MIN_SAMPLES and agreement < least.top1_agreement:
        expected = f"expected {least.top1_agreement:.0%}"
        messages.append(
            f"output {name!r} of the source's class in {agreement:.0%} of samples, {expected}"
        )
    return messages
