"""TensorFlow, started the way the configuration says; the only place that starts it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError
from litemill.runtime import eigen_cache, environment, malloc_tuning, tensorflow_import

if TYPE_CHECKING:
    from pathlib import Path

    from litemill.config.schema.numerics import Numerics


def start_tensorflow(
    numerics: Numerics, *, seed: int = 0, legacy: bool = False, home: Path | None = None
) -> Any:
    """Import TensorFlow under fixed settings and return its module.

    Args:
        numerics: the settings.
        seed: of weights, shuffling and dropout.
        legacy: with Keras 2 in the place of Keras 3.
        home: folder that Keras writes to; None is the project's.

    The environment is set first: oneDNN and TensorFlow read it while they are loaded. What each
    setting is for, and what was measured, stands in docs/reproducibility.md.
    """
    if legacy and "tensorflow" in sys.modules:
        # A worker's fork has Keras 3 already: become a process that has not.
        module = sys.modules["__main__"].__spec__
        assert module is not None, "stages are run as modules"
        arguments = [sys.executable, "-m", module.name, *sys.argv[1:]]
        os.execv(sys.executable, arguments)  # noqa: S606
    os.environ.update(
        environment.tensorflow_environment(numerics) | {"TF_USE_LEGACY_KERAS": str(int(legacy))}
    )
    malloc_tuning.keep_freed_memory()
    if home is not None:
        os.environ["KERAS_HOME"] = str(home.resolve())
    with tensorflow_import.fast_imports():
        import tensorflow as tf

        seeded = tf.keras.utils.set_random_seed  # loads Keras, which waits for its first use
    tf.config.threading.set_intra_op_parallelism_threads(numerics.threads)
    tf.config.threading.set_inter_op_parallelism_threads(numerics.threads)
    seeded(seed)
    if numerics.cache_sizes is not None:
        with contextlib.suppress(ConfigError):  # train says so and records it
            eigen_cache.fix_cache_sizes(numerics.cache_sizes)
    if numerics.deterministic:
        tf.config.experimental.enable_op_determinism()
    # Devices are looked for at the first operation, which tells standard error about missing GPUs;
    # now, while the caller listens.
    tf.constant(0)
    return tf
