"""Advise what to do about the layers that quantization hurts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.evaluation.fidelity import Array, Fidelity

if TYPE_CHECKING:
    from litemill.tflite.graph import Node

MAX_ADVICE = 3  # layers
MIN_SHARE = 0.2  # of all noise, for a layer to be named
CLIPPED = 0.02  # of a range: values that lie further outside of it count as clipped
# Steep functions: the noise of their output is that of their input, made larger.
STEEP = ("SOFTMAX", "LOG_SOFTMAX", "EXP", "LOG", "DIV", "RSQRT")
# Largest channel to the median one: int8 has 128 steps for the first, and 2 for the second then.
UNEVEN = 64.0
GOOD = 40.0  # dB: where the last layer is better, nothing needs to be done


@dataclass
class Layer:
    """An operator's first output in a quantized file and in the float file of the same graph.

    Attributes:
        name: of the float file's tensor.
        label: its short name: the output's name, or the first of the names fused into it.
        operator: its kind.
        tensor, float_tensor: number of the tensor in the quantized file, and in the float file.
        holds: what the quantized file's tensor can hold; None where it is not quantized.
        error: over all samples.
        output: whether it writes an output of the model.
        largest: absolute value of each channel (last axis) in the float file; None for scalars.
    """

    name: str
    label: str
    operator: str
    tensor: int
    float_tensor: int
    holds: tuple[float, float] | None
    error: Fidelity = field(default_factory=Fidelity)
    output: bool = False
    largest: Array | None = None

    def add(self, reference: Array, output: Array) -> None:
        """Count what the float file and the quantized file say on a sample."""
        self.error.add(reference, output)
        if reference.ndim > 1:
            channels = np.abs(reference).reshape(-1, reference.shape[-1]).max(axis=0, initial=0)
            self.largest = channels if self.largest is None else np.fmax(self.largest, channels)

    def unevenness(self) -> float:
        """Return the ratio of the largest channel to the median one of those that are not 0.

        One scale holds all channels of an activation: 1 where it is not quantized.
        """
        if self.holds is None or self.largest is None or not (self.largest > 0).any():
            return 1.0
        return float(self.largest.max() / np.median(self.largest[self.largest > 0]))

    def row(self) -> dict[str, Any]:
        """Return what a measurement records of it."""
        measures = self.error.measures()
        return {
            "name": self.name,
            "label": self.label,
            "operator": self.operator,
            **{key: measures[key] for key in ("snr_db", "max_abs_error", "mean_abs_error")},
            "range": measures["reference_range"],
            "holds": self.holds,
            "unevenness": self.unevenness(),
        }

    def noise(self) -> float:
        """Return the power of the error as a share of the signal's; infinite where unknown."""
        measures = self.error.measures()
        if measures["max_abs_error"] is None:
            return math.inf
        return 0.0 if measures["snr_db"] is None else 10.0 ** (-measures["snr_db"] / 10.0)


def advice(layers: list[Layer], order: list[Node]) -> list[str]:
    """Name the layers that add most of the noise, beyond what their inputs bring.

    Noise is the error's power as a share of the signal's; what a layer adds is the difference
    between its output's and the largest of its inputs'. Steep functions add nothing of their own.

    Args:
        layers: as they run.
        order: all operators of the quantized file, as they run.
    """
    if not layers or layers[-1].noise() < 10.0 ** (-GOOD / 10.0):
        return []
    added = sorted(_added_noise(layers, order), key=lambda item: -item[0])
    total = sum(noise for noise, _, _ in added)
    reads = input_layers(layers, order)
    lines = [
        _advise_balance([layer, *reads.get(layer.tensor, [])])
        or _advise_calibration(layer)
        or _advise_float(layer, noise / total, before)
        for noise, before, layer in added[:MAX_ADVICE]
        if noise >= MIN_SHARE * total and math.isfinite(total)
    ]
    return list(dict.fromkeys(lines))


def noise_shares(layers: list[Layer], order: list[Node]) -> dict[int, float]:
    """Return the share of all noise that each layer adds, by the number of its tensor.

    Where some of it is infinite, the layers that add it share all.
    """
    added = {layer.tensor: noise for noise, _, layer in _added_noise(layers, order)}
    if any(math.isinf(noise) for noise in added.values()):
        added = {tensor: float(math.isinf(noise)) for tensor, noise in added.items()}
    total = sum(added.values())
    return {layer.tensor: added.get(layer.tensor, 0.0) / (total or 1.0) for layer in layers}


def input_layers(layers: list[Layer], order: list[Node]) -> dict[int, list[Layer]]:
    """Return the layers that each layer reads, by the number of its tensor.

    Operators between them that are no layers, such as a QUANTIZE, are skipped.
    """
    by_tensor = {layer.tensor: layer for layer in layers}
    sources: dict[int, list[Layer]] = {}
    inputs: dict[int, list[Layer]] = {}
    for node in order:
        reads = [layer for tensor in node.inputs for layer in sources.get(tensor, [])]
        reads = list({layer.tensor: layer for layer in reads}.values())
        for tensor in node.outputs:
            sources[tensor] = reads
            if layer := by_tensor.get(tensor):
                inputs[tensor], sources[tensor] = reads, [layer]
    return inputs


def _added_noise(layers: list[Layer], order: list[Node]) -> list[tuple[float, float, Layer]]:
    """List for each layer the noise that it adds, and the noise of its inputs."""
    by_tensor = {layer.tensor: layer for layer in layers}
    noise: dict[int, float] = {}
    added: list[tuple[float, float, Layer]] = []
    for node in order:
        before = max((noise.get(tensor, 0.0) for tensor in node.inputs), default=0.0)
        for tensor in node.outputs:
            layer = by_tensor.get(tensor)
            noise[tensor] = layer.noise() if layer else before
            if layer and noise[tensor] > before and node.operator not in STEEP:
                added.append((noise[tensor] - before, before, layer))
    return added


def _advise_balance(layers: list[Layer]) -> str | None:
    """Blame channels of very different size: of a layer, or of one that it reads.

    There the large channels drown the noise in an SNR over all; the layer that reads them shows it.
    """
    for layer in layers:
        if (ratio := layer.unevenness()) >= UNEVEN:
            assert layer.largest is not None
            cure = "split the output, or " if layer.output else "balance the weights, or "
            return (
                f"{cure}keep {layer.operator} {layer.label!r} in float: one scale holds all of its"
                f" channels, and channel {int(layer.largest.argmax())} is {ratio:,.0f} times as"
                " large as half of them"
            )
    return None


def _advise_float(layer: Layer, share: float, before: float) -> str:
    return (
        f"keep {layer.operator} {layer.label!r} in float: it adds {share:.0%} of all noise"
        f" ({_level(before)} before it, {_level(layer.noise())} after it)"
    )


def _level(noise: float) -> str:
    return f"{-10.0 * math.log10(noise):.1f} dB" if noise else "none"


def _advise_calibration(layer: Layer) -> str | None:
    """Advise more samples where values lie outside of what the calibrated range can hold."""
    low, high = layer.error.measures()["reference_range"] or (0.0, 0.0)
    if layer.holds is None:
        return None
    tolerance = CLIPPED * (layer.holds[1] - layer.holds[0])
    if layer.holds[0] - tolerance <= low and high <= layer.holds[1] + tolerance:
        return None
    return (
        f"calibrate {layer.operator} {layer.label!r} on more samples: it holds"
        f" {layer.holds[0]:.4g} to {layer.holds[1]:.4g}, and evaluation samples reach"
        f" {low:.4g} to {high:.4g}"
    )
