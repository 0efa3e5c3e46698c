"""What a Keras model itself multiplies its inputs with, before its first layer that has weights.

Models that hold a Rescaling or Normalization layer want unscaled inputs; data that is scaled
already is scaled twice then, and all that the first layers see is nearly constant.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import LitemillError
from litemill.core.files import read_json
from litemill.models import keras_graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litemill.data.samples import Samples
    from litemill.models.source_model import SourceModel

LAYERS = ("Rescaling", "Normalization")
NARROW = 1 / 16  # of values that span less than this, little is left; unscaled ones span 1 or more
SAMPLES = 64


def input_scaling(source: SourceModel) -> dict[str, float] | None:
    """Return by input what the model multiplies it with first; 1 is nothing.

    None where nobody can tell, as for a SavedModel: only Keras' layers say what they are for.
    """
    file = getattr(source, "keras_file", None)
    if not source.has_layers or file is None or not zipfile.is_zipfile(file):
        return None
    with zipfile.ZipFile(file) as archive:
        config = archive.read("config.json").decode()
    model = source.load_keras() if any(f'"{layer}"' in config for layer in LAYERS) else None
    return scaling_of(model) if model is not None else {}


def scaling_of(model: Any) -> dict[str, float]:
    """Return by input what a Keras model multiplies it with, where that is not 1."""
    try:
        tensors = keras_graph.input_tensors(model)
    except LitemillError:
        return {}
    scales = {name: _follow(model, tensor) for name, tensor in tensors.items()}
    return {name: scale for name, scale in scales.items() if scale != 1.0}


def read_scaling(export: Path) -> dict[str, float] | None:
    """Read what the stage export found; None where nobody can tell."""
    scaling: dict[str, float] | None = read_json(export / "signatures" / "index.json")["scaling"]
    return scaling


def scaled_twice(scaling: Mapping[str, float] | None, samples: Samples) -> list[str]:
    """Say which inputs seem to be scaled both by the data and by the model."""
    lines = []
    for name, scale in (scaling or {}).items():
        if name not in samples.inputs or abs(scale) > NARROW:
            continue
        values = np.asarray(samples.inputs[name][:SAMPLES])
        low, high = float(values.min()), float(values.max())
        if (high - low) * abs(scale) < NARROW:
            lines.append(
                f"input {name!r} seems to be scaled twice: samples are {low:.3g} to {high:.3g}, and"
                f" the model itself multiplies them by {scale:.3g}; leave them as they are"
                " (image_folder: preset: raw), or remove the layer"
            )
    return lines


def _follow(model: Any, tensor: Any) -> float:
    """Multiply the factors of the layers that follow a tensor, as long as they only scale."""
    scale = 1.0
    for layer in _readers(model, tensor):
        kind = type(layer).__name__
        if kind in LAYERS:
            factor = _factor(layer)
            return factor * _follow(model, layer.output)
        if hasattr(layer, "layers") and len(getattr(layer, "inputs", ())) == 1:
            scale *= _follow(layer, layer.inputs[0])
    return scale


def _readers(model: Any, tensor: Any) -> list[Any]:
    readers = []
    for layer in getattr(model, "layers", ()):
        try:
            inputs = layer.input
        except (AttributeError, ValueError):  # called nowhere, or in several places
            continue
        same = inputs is tensor and layer.output is not tensor
        nested = hasattr(layer, "layers") and _history(inputs) == _history(tensor)
        readers += [layer] if same or nested else []
    return readers


def _history(tensor: Any) -> Any:
    history = getattr(tensor, "_keras_history", None)
    return None if history is None else (id(history.operation), history.tensor_index)


def _factor(layer: Any) -> float:
    if type(layer).__name__ == "Rescaling":
        return float(np.mean(np.asarray(layer.scale, np.float64)))
    variance = np.asarray(layer.variance, np.float64)
    return float(1 / np.sqrt(max(float(variance.mean()), 1e-12)))
