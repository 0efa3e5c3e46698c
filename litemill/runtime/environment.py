"""The variables of the environment that TensorFlow, oneDNN and Keras read while they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litemill.config.schema.numerics import Numerics


def tensorflow_environment(numerics: Numerics) -> dict[str, str]:
    """Return the variables that these settings need, by name."""
    values = {
        "KERAS_BACKEND": "tensorflow",
        # A keras.json in the user's home may set another floatx or image data format.
        "KERAS_HOME": str(Path("build/.keras").resolve()),
        "TF_USE_LEGACY_KERAS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "1",  # no notes; warnings and errors
        "TF_ENABLE_ONEDNN_OPTS": str(int(numerics.onednn)),
    }
    # oneDNN's own word for all that there is.
    values["ONEDNN_MAX_CPU_ISA"] = numerics.instruction_set or "DEFAULT"
    if not numerics.gpu:
        values["CUDA_VISIBLE_DEVICES"] = "-1"
    return values
