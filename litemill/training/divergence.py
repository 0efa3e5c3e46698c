"""Stop a training whose loss is no number any more: nothing after that can mend it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

CURE = "expected a lower learning rate, gradient clipping, or other data"


def stop_on_divergence() -> Any:  # noqa: C901  # a class, whose base Keras has
    """Return a Keras callback that raises ModelError, naming epoch and step, on NaN or infinity.

    It looks at the loss after every execution of `train.fit.steps_per_execution` steps, at the
    validation loss after every epoch, and at the weights after the last step, whose loss was
    computed before it changed them.
    """
    import keras

    class Divergence(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type information
        """Knows the epoch and the steps of the last execution, from 1."""

        epoch, first, last = 0, 0, 0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  # Keras's
            self.epoch = epoch + 1

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.first = batch + 1

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            # Several steps are one execution (train.fit.steps_per_execution), the last one shorter.
            self.last = min(batch + 1, (self.params or {}).get("steps") or batch + 1)
            self._check("loss", logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self._check("val_loss", logs)

        def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
            for variable in self.model.weights:
                values = np.asarray(variable)
                if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
                    self._refuse(f"{variable.path} has values that are not finite")

        def _check(self, name: str, logs: Mapping[str, Any] | None) -> None:
            value = float((logs or {}).get(name, 0.0))
            if not math.isfinite(value):
                self._refuse(f"{name} is {value}")

        def _refuse(self, problem: str) -> None:
            several = self.first < self.last
            steps = f"steps {self.first} to {self.last}" if several else f"step {self.last}"
            place = f"train: epoch {self.epoch}, {steps}"
            raise ModelError(place, f"training diverged, {problem}", CURE)

    return Divergence()
