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
from litemill.runtime import eigen_cache, tensorflow_start
from litemill.config.schema.numerics import Numerics
tf = tensorflow_start.start_tensorflow(Numerics())
print(eigen_cache.cache_sizes())
tf.matmul(tf.ones((512, 512)), tf.ones((512, 512)))
print(eigen_cache.cache_sizes())
"""
    assert [str(SIZES)] * 2 == started(program)


def test_other_sizes_give_other_sums():
    """So this is the variable that Eigen reads: the last bits of the same sums differ."""
    program = """
import hashlib
import numpy as np
from litemill.runtime import eigen_cache, tensorflow_start
from litemill.config.schema.numerics import Numerics
tf = tensorflow_start.start_tensorflow(Numerics())
values = np.random.Generator(np.random.PCG64(0)).random((2, 512, 4096), dtype=np.float32)
for size in (8, 32, 8):
    eigen_cache.fix_cache_sizes([size << 10, size << 13, size << 16])
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
from litemill.runtime import eigen_cache
from litemill.core.errors import ConfigError
try:
    eigen_cache.fix_cache_sizes([1, 2, 3])
except ConfigError as error:
    print(error)
"""
    expected = "numerics.cache_sizes: libtensorflow_cc.so.2 is not loaded; expected null"

    assert [expected] == started(program)


def test_a_tensorflow_without_the_symbols_starts_and_the_reason_is_known():
    """As a later release may be: it computes, and does not assume the configured sizes."""
    program = """
from litemill.config.schema.numerics import Numerics
from litemill.runtime import eigen_cache, tensorflow_start
eigen_cache.SIZES += b"_renamed"
tf = tensorflow_start.start_tensorflow(Numerics())
print(int(tf.reduce_sum(tf.ones((3, 3)))))
print(eigen_cache.why_not_fixed(Numerics().cache_sizes))
"""
    reason = "libtensorflow_cc.so.2 does not name 1 of the 2 symbols that hold them"
    assert ["9", reason] == started(program)


def test_sizes_that_are_in_use_have_no_reason_against_them():
    """Neither have those that nobody asked for."""
    program = """
from litemill.config.schema.numerics import Numerics
from litemill.runtime import eigen_cache, tensorflow_start
tensorflow_start.start_tensorflow(Numerics())
print(eigen_cache.why_not_fixed(Numerics().cache_sizes), eigen_cache.why_not_fixed(None))
print(eigen_cache.why_not_fixed([1, 2, 3]))
"""
    assert ["None None", f"Eigen uses {SIZES}"] == started(program)
