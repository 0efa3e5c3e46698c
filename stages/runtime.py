"""TensorFlow, started the way the configuration says; the only place that starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stages.schema.numerics import Numerics


def start(numerics: Numerics, *, seed: int = 0, legacy: bool = False) -> Any:
    """Import TensorFlow under fixed settings and give its module.

    Args:
        numerics: the settings.
        seed: of weights, shuffling and dropout.
        legacy: with Keras 2 in the place of Keras 3.

    The environment is set first: oneDNN and TensorFlow read it while they are loaded. What each
    setting is for, and what was measured, stands in docs/reproducibility.md.
    """
    assert "tensorflow" not in sys.modules, "settings come before the import"
    os.environ.update(_environment(numerics) | {"TF_USE_LEGACY_KERAS": str(int(legacy))})
    if numerics.instruction_set is None:
        os.environ.pop("ONEDNN_MAX_CPU_ISA", None)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(numerics.threads)
    tf.config.threading.set_inter_op_parallelism_threads(numerics.threads)
    tf.keras.utils.set_random_seed(seed)
    if numerics.deterministic:
        tf.config.experimental.enable_op_determinism()
    # Devices are looked for at the first operation, which tells standard error about missing GPUs;
    # now, while the caller listens.
    tf.constant(0)
    return tf


def _environment(numerics: Numerics) -> dict[str, str]:
    values = {
        "KERAS_BACKEND": "tensorflow",
        # A keras.json in the user's home may set another floatx or image data format.
        "KERAS_HOME": str(Path("build/.keras").resolve()),
        "TF_CPP_MIN_LOG_LEVEL": "1",  # no notes; warnings and errors
        "TF_ENABLE_ONEDNN_OPTS": str(int(numerics.onednn)),
    }
    if numerics.instruction_set is not None:
        values["ONEDNN_MAX_CPU_ISA"] = numerics.instruction_set
    if not numerics.gpu:
        values["CUDA_VISIBLE_DEVICES"] = "-1"
    return values
