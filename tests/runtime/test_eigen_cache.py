from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from litemill.core.errors import ConfigError
from litemill.runtime import eigen_cache

SIZES = [32 << 10, 256 << 10, 2 << 20]


def started(program):
    """Run a program with a TensorFlow of its own, and give the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_sizes_that_eigen_assumes_are_the_configured_ones_before_and_after_it_computed():
    """A first product does not put those of the processor in their place."""
    program = """
from stages import blocking, runtime
from litemill.config.schema.numerics import Numerics
tf = runtime.start(Numerics())
print(blocking.pinned())
tf.matmul(tf.ones((512, 512)), tf.ones((512, 512)))
print(blocking.pinned())
"""
    assert [str(SIZES)] * 2 == started(program)


def test_other_sizes_give_other_sums():
    """So this is the variable that Eigen reads: the last bits of the same sums differ."""
    program = """
import hashlib
import numpy as np
from stages import blocking, runtime
from litemill.config.schema.numerics import Numerics
tf = runtime.start(Numerics())
values = np.random.Generator(np.random.PCG64(0)).random((2, 512, 4096), dtype=np.float32)
for size in (8, 32, 8):
    blocking.pin([size << 10, size << 13, size << 16])
    product = tf.matmul(values[0], values[1], transpose_b=True).numpy()
    print(hashlib.sha256(product.tobytes()).hexdigest())
"""
    small, large, again = started(program)

    assert small != large
    assert small == again


def test_a_library_without_the_symbols_is_told():
    """In one line that says what to do: the promise would be lost in silence otherwise."""
    other = Path(sys.executable).resolve()

    with pytest.raises(ConfigError, match=r"^numerics.cache_sizes: python3.* does not name 2 of"):
        eigen_cache._addresses(other)


def test_a_process_without_tensorflow_is_told():
    """There is nothing to set."""
    program = """
from stages import blocking
from litemill.core.errors import ConfigError
try:
    blocking.pin([1, 2, 3])
except ConfigError as error:
    print(error)
"""
    expected = "numerics.cache_sizes: libtensorflow_cc.so.2 is not loaded; expected null"

    assert [expected] == started(program)
