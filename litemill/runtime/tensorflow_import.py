"""Import TensorFlow and Keras without what Keras takes along because it happens to be installed."""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# For galleries of images, for tables as data, and for models as scikit-learn's estimators: Keras
# goes without what is not installed, and so do the stages, which give it arrays.
EXTRAS = ("matplotlib", "pandas", "sklearn")


@contextlib.contextmanager
def fast_imports() -> Iterator[None]:
    """Import TensorFlow in here: it takes little more than half the time (docs/performance.md).

    Modules of `EXTRAS` are as if not installed until the end, but for those that are there already;
    the collector of garbage finds none among a million new objects, and is left out.
    """
    hidden = [name for name in EXTRAS if name not in sys.modules]
    collecting = gc.isenabled()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is for "there is none"
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for name in hidden:
            del sys.modules[name]
