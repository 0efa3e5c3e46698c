"""What to do about the layers that quantization hurts, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.evaluation.fidelity import Fidelity

if TYPE_CHECKING:
    from litemill.tflite.graph import Node

ADVISED = 3  # layers at most
ADDED = 0.2  # share of all noise that a layer adds, to be advised about
CLIPPED = 0.02  # of a range: values that lie further outside of it are told
# Steep functions: the noise of their output is that of their input, made larger.
STEEP = ("SOFTMAX", "LOG_SOFTMAX", "EXP", "LOG", "DIV", "RSQRT")
QUIET = 40.0  # dB: where the last layer is better, nothing has to be mended


@dataclass
class Layer:
    """An operator's first output in a quantized file and in the float file of the same graph.

    Attributes:
        name: of the float file's tensor.
        label: what people know it by: the output's name, or the first of the names fused into it.
        operator: its kind.
        ours, theirs: number of the tensor in the quantized file, and in the float file.
        holds: what the quantized file's tensor can hold; None where it is not quantized.
        error: over all samples.
    """

    name: str
    label: str
    operator: str
    ours: int
    theirs: int
    holds: tuple[float, float] | None
    error: Fidelity = field(default_factory=Fidelity)

    def told(self) -> dict[str, Any]:
        """Give a row."""
        found = self.error.measures()
        return {
            "name": self.name,
            "label": self.label,
            "operator": self.operator,
            **{key: found[key] for key in ("snr_db", "max_abs_error", "mean_abs_error")},
            "range": found["reference_range"],
            "holds": self.holds,
        }

    def noise(self) -> float:
        """Give the power of the error as a share of the signal's; infinite where unknown."""
        found = self.error.measures()
        if found["max_abs_error"] is None:
            return math.inf
        return 0.0 if found["snr_db"] is None else 10.0 ** (-found["snr_db"] / 10.0)


def advice(layers: list[Layer], order: list[Node]) -> list[str]:
    """Name the layers that add most of the noise, beyond what their inputs bring.

    Noise is the error's power as a share of the signal's; what a layer adds is the difference
    between its output's and the largest of its inputs'. Steep functions add nothing of their own.

    Args:
        layers: as they run.
        order: all operators of the quantized file, as they run.
    """
    if not layers or layers[-1].noise() < 10.0 ** (-QUIET / 10.0):
        return []
    added = sorted(_added(layers, order), key=lambda one: -one[0])
    total = sum(more for more, _, _ in added)
    return [
        _calibrate(layer) or _keep(layer, more / total, before)
        for more, before, layer in added[:ADVISED]
        if more >= ADDED * total and math.isfinite(total)
    ]


def noise_shares(layers: list[Layer], order: list[Node]) -> dict[int, float]:
    """Give the share of all noise that each layer adds, by the number of its tensor.

    Where some of it is infinite, the layers that add it share all.
    """
    added = {layer.ours: more for more, _, layer in _added(layers, order)}
    if any(math.isinf(more) for more in added.values()):
        added = {tensor: float(math.isinf(more)) for tensor, more in added.items()}
    total = sum(added.values())
    return {layer.ours: added.get(layer.ours, 0.0) / (total or 1.0) for layer in layers}


def input_layers(layers: list[Layer], order: list[Node]) -> dict[int, list[Layer]]:
    """Give the layers that each layer reads, by the number of its tensor.

    What is no layer between them, such as a QUANTIZE, is looked through.
    """
    by_tensor = {layer.ours: layer for layer in layers}
    behind: dict[int, list[Layer]] = {}
    found: dict[int, list[Layer]] = {}
    for node in order:
        reads = [layer for tensor in node.inputs for layer in behind.get(tensor, [])]
        reads = list({layer.ours: layer for layer in reads}.values())
        for tensor in node.outputs:
            behind[tensor] = reads
            if layer := by_tensor.get(tensor):
                found[tensor], behind[tensor] = reads, [layer]
    return found


def _added(layers: list[Layer], order: list[Node]) -> list[tuple[float, float, Layer]]:
    """Give what layers add to the noise of their inputs, and that."""
    by_tensor = {layer.ours: layer for layer in layers}
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


def _keep(layer: Layer, share: float, before: float) -> str:
    return (
        f"keep {layer.operator} {layer.label!r} in float: it adds {share:.0%} of all noise"
        f" ({_level(before)} before it, {_level(layer.noise())} after it)"
    )


def _level(noise: float) -> str:
    return f"{-10.0 * math.log10(noise):.1f} dB" if noise else "none"


def _calibrate(layer: Layer) -> str | None:
    """Say so where values lie outside of what the calibrated range can hold."""
    low, high = layer.error.measures()["reference_range"] or (0.0, 0.0)
    if layer.holds is None:
        return None
    spare = CLIPPED * (layer.holds[1] - layer.holds[0])
    if layer.holds[0] - spare <= low and high <= layer.holds[1] + spare:
        return None
    return (
        f"calibrate {layer.operator} {layer.label!r} on more samples: it holds"
        f" {layer.holds[0]:.4g} to {layer.holds[1]:.4g}, and evaluation samples reach"
        f" {low:.4g} to {high:.4g}"
    )
